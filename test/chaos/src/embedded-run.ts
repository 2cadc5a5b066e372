// One server over its embedded log, killed in a loop under load, with damage to the end of its log
// while it is down, on a disk that is now and then full. The clients do not know of any of it; the
// checker judges what they saw.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Violation } from '@tidemark/checker';
import { type AppProcess, freePorts, logTail, startApp } from '@tidemark/infra';
import { Exchange, type Server } from './client/exchange.ts';
import { Recorder } from './client/recorder.ts';
import { Subscriber } from './client/subscriber.ts';
import { WebhookReceiver } from './client/webhook-receiver.ts';
import { type ClientProcess, startClient } from './client-process.ts';
import { DiskPressure } from './disk-pressure.ts';
import type { HistorySummary } from './history-files.ts';
import { damageTail } from './log-damage.ts';
import { Random } from './random.ts';
import { endRun } from './run-end.ts';
import { startSmallDisk } from './small-disk.ts';

export interface EmbeddedRunOptions {
  readonly seed: number;
  readonly kills: number;
  /** The machine's, or one that is filled and emptied. */
  readonly disk: 'whole' | 'small';
  readonly say: (line: string) => void;
}

export interface EmbeddedRunReport {
  readonly disk: EmbeddedRunOptions['disk'];
  readonly history: HistorySummary;
  readonly violations: readonly Violation[];
  /** The server ended by itself, or something that no history shows is wrong. */
  readonly crashes: readonly string[];
  /** What was done to the server, to its log while it lay still, and to its disk, by kind. */
  readonly faults: ReadonlyMap<string, number>;
  readonly folder: string;
}

const clients = 2;
const actors = 8;
const tenants = [{ tenant: 'default', headers: {} }] as const;
/** The log takes 64 MiB a file. */
const smallDiskMebibytes = 200;

export async function runEmbedded(options: EmbeddedRunOptions): Promise<EmbeddedRunReport> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-kills-'));
  const [port = 0] = await freePorts(1);
  const report = await new EmbeddedRun({ options, folder, port }).run();
  const isClean = report.violations.length === 0 && report.crashes.length === 0;
  if (isClean) await rm(folder, { recursive: true, force: true });
  return report;
}

interface RunParts {
  readonly options: EmbeddedRunOptions;
  readonly folder: string;
  readonly port: number;
}

/** Where the server's data lies, and what happens to it. */
interface Place {
  readonly via: readonly string[];
  readonly logFolder: string;
  readonly pressure: DiskPressure | undefined;
}

class EmbeddedRun {
  readonly #parts: RunParts;
  readonly #dataFolder: string;
  readonly #faults = new Map<string, number>();
  readonly #crashes: string[] = [];

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.#dataFolder = join(parts.folder, 'data');
  }

  #count(kind: string): void {
    this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
  }

  #file(name: string): string {
    return join(this.#parts.folder, name);
  }

  async run(): Promise<EmbeddedRunReport> {
    const { options, port, folder } = this.#parts;
    await using resources = new AsyncDisposableStack();
    const place = await this.#place(resources);
    const server = { host: '127.0.0.1', port };
    const webhooksFile = this.#file('history-webhooks.jsonl');
    const recorder = resources.adopt(new Recorder(webhooksFile, 'hooks'), (it) => it.close());
    const receiver = resources.use(this.#receiver(recorder, server));
    const webhookUrl = await receiver.listen();
    const started = await this.#startClients(server, webhookUrl);
    for (let kill = 1; kill <= options.kills; kill += 1) await this.#killOnce(place, kill);
    if (place.pressure?.isFull === true) await place.pressure.makeRoom('room again in the end');
    await using last = await this.#start(place);
    await delay(500);
    const { history, violations, wrong } = await endRun({
      clients: started,
      tenants,
      readers: [last],
      server,
      webhooks: {
        url: webhookUrl,
        historyFile: webhooksFile,
        async settled() {
          await receiver.settled();
          recorder.flush();
        },
      },
      folder,
      say: options.say,
    });
    this.#crashes.push(...wrong);
    return {
      disk: options.disk,
      history,
      violations,
      crashes: this.#crashes,
      faults: this.#faults,
      folder,
    };
  }

  async #place(resources: AsyncDisposableStack): Promise<Place> {
    const { seed, disk } = this.#parts.options;
    if (disk === 'whole') {
      return { via: [], logFolder: join(this.#dataFolder, 'log'), pressure: undefined };
    }
    const small = resources.use(
      await startSmallDisk({
        mountPoint: this.#dataFolder,
        mebibytes: smallDiskMebibytes,
        logFile: this.#file('disk.log'),
      }),
    );
    const logFolder = join(small.folder, 'log');
    const pressure = new DiskPressure({
      disk: small,
      logFolder,
      random: new Random(seed, 'disk'),
      onFault: (kind) => this.#count(kind),
    });
    return { via: small.via, logFolder, pressure };
  }

  #receiver(recorder: Recorder, server: Pick<Server, 'host' | 'port'>): WebhookReceiver {
    const [{ tenant, headers }] = tenants;
    const exchanges = new Map([[tenant, new Exchange({ ...server, headers }, 15_000)]]);
    const subscriber = new Subscriber(recorder, exchanges);
    const random = new Random(this.#parts.options.seed, 'webhooks');
    return new WebhookReceiver({ random, recorder, subscriber, tenant });
  }

  #startClients(
    server: Pick<Server, 'host' | 'port'>,
    webhookUrl: string,
  ): Promise<ClientProcess[]> {
    const { options, folder } = this.#parts;
    const sinceMs = Date.now();
    return Promise.all(
      Array.from({ length: clients }, (_, index) =>
        startClient(
          {
            ...server,
            name: `e${index}x`,
            seed: options.seed,
            actors,
            firstActor: index * actors,
            pauseMsMax: 15,
            workers: 2,
            workerPauseMsMax: 60,
            webhookUrl,
            timeoutMs: 15_000,
            sinceMs,
            historyFile: this.#file(`history-${index}.jsonl`),
            tenants,
          },
          folder,
        ),
      ),
    );
  }

  async #killOnce(place: Place, kill: number): Promise<void> {
    const { seed, say } = this.#parts.options;
    const random = new Random(seed, `kill ${kill}`);
    const { pressure, logFolder } = place;
    if (kill > 1) await pressure?.whileDown();
    await using server = await this.#start(place);
    if (kill % 100 === 1) say(`kill ${kill}: pid ${server.pid}`);
    const lastsMs = random.between(20, 600);
    await (pressure === undefined ? delay(lastsMs) : pressure.whileServing(lastsMs));
    if (!server.isRunning()) {
      this.#crashes.push(`the server ended by itself\n${logTail(server.logFile)}`);
    }
    server.kill('SIGKILL');
    await server.ended;
    this.#count('killed');
    this.#count(`log: ${await damageTail(logFolder, random)}`);
  }

  /** On a full disk it may say that it cannot start. */
  async #start({ via, pressure }: Place): Promise<AppProcess> {
    const { folder, port } = this.#parts;
    const env = { TIDEMARK_DATA_DIR: this.#dataFolder, TIDEMARK_PORT: String(port) };
    const start = (): Promise<AppProcess> =>
      startApp({ app: 'server', index: 0, folder, env, via });
    try {
      return await start();
    } catch (cause) {
      if (pressure?.isFull !== true) throw cause;
      this.#count('did not start on a full disk');
      await pressure.makeRoom('room again while down');
      return start();
    }
  }
}
