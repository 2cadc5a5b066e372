// Durable agent sessions under faults: workers, relays and receivers are killed and stalled while owners speak to
// their agents. At the end everything is healed, and judged by what the sessions tell.

import { appendFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Cluster,
  freePorts,
  inheritedSettings,
  type Supervised,
  startCluster,
  startKafka,
  startSupervised,
} from '@tidemark/infra';
import { Random } from '../random.ts';
import { checkSession, isDelivered, type ToldEvent, type ToldSession } from './agent-checks.ts';
import { type OwnedSession, Owner } from './owner.ts';

export interface AgentRunOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly say: (line: string) => void;
}

export interface AgentRunReport {
  readonly sessions: readonly ToldSession[];
  readonly wrong: readonly string[];
  readonly faults: ReadonlyMap<string, number>;
  /** Deliveries as they were received, repeats included. */
  readonly received: number;
}

const owners = 5;
const workers = 3;
const relays = 2;

export async function runAgents(options: AgentRunOptions): Promise<AgentRunReport> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-agents-'));
  await using kafka = await startKafka();
  await using cluster = await startCluster({ kafka, counts: { relay: relays } });
  const [port = 0] = await freePorts(1);
  await using run = new AgentRun({ options, folder, cluster, port });
  const report = await run.run();
  if (report.wrong.length === 0) {
    await Promise.all([folder, cluster.folder].map((path) => rm(path, { recursive: true })));
  } else options.say(`kept: ${folder}, ${cluster.folder}`);
  return report;
}

interface RunParts {
  readonly options: AgentRunOptions;
  readonly folder: string;
  readonly cluster: Cluster;
  readonly port: number;
}

interface Received {
  readonly session: string;
  readonly seq: number;
  readonly id: string;
}

class AgentRun implements AsyncDisposable {
  readonly #parts: RunParts;
  readonly #random: Random;
  readonly #faults = new Map<string, number>();
  readonly #workers: (Supervised | undefined)[] = [];
  readonly #file: string;
  #receiver: Supervised | undefined;
  #lives = 0;

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.#random = new Random(parts.options.seed, 'agents');
    this.#file = join(parts.folder, 'received.jsonl');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [...this.#workers, this.#receiver]) await child?.[Symbol.asyncDispose]();
  }

  async run(): Promise<AgentRunReport> {
    const { options, cluster, port } = this.#parts;
    await writeFile(this.#file, '');
    const made = await fetch(`${cluster.url}/v3/agents`, {
      method: 'POST',
      body: JSON.stringify({ name: 'chaos', model: 'any', prompt: 'any' }),
    });
    const { id: agent } = (await made.json()) as { id: string };
    await this.#startReceiver();
    for (let index = 0; index < workers; index += 1) await this.#startWorker(index);
    const at = { url: cluster.url, agent, hook: `http://127.0.0.1:${port}/hook` };
    const all = Array.from(
      { length: owners },
      (_, index) => new Owner(at, `owner ${index}`, new Random(options.seed, `owner ${index}`)),
    );
    const time = AbortSignal.timeout(options.seconds * 1_000);
    await Promise.all([this.#disturb(time), ...all.map((owner) => owner.run(time))]);
    options.say('healed; what waits is run and delivered');
    const owned = all.flatMap(({ sessions }) => sessions);
    for (const session of owned) await this.#ended(session);
    const events = new Map<string, readonly ToldEvent[]>();
    for (const { id } of owned) events.set(id, await this.#events(id));
    await this.#delivered(events);
    const sessions: ToldSession[] = [];
    const received = await this.#received();
    for (const { id, said } of owned) {
      const { status } = await this.#get<{ status: string }>(`/sessions/${id}`);
      const turns = (
        await this.#get<{ data: ToldSession['turns'] }>(`/sessions/${id}/turns?limit=100`)
      ).data;
      const own = { events: events.get(id) ?? [], received: received.get(id) ?? new Map() };
      sessions.push({ id, said, status, turns, ...own });
    }
    const lines = (await readFile(this.#file, 'utf8')).split('\n').length - 1;
    const wrong = sessions.flatMap(checkSession);
    return { sessions, wrong, faults: this.#faults, received: lines };
  }

  #spawn(name: string, script: string, args: readonly string[]): Promise<Supervised> {
    this.#lives += 1;
    return startSupervised({
      command: process.execPath,
      args: [join(import.meta.dirname, script), ...args],
      logFile: join(this.#parts.folder, `${name}-${this.#lives}.log`),
      env: inheritedSettings(),
    });
  }

  async #startWorker(index: number): Promise<void> {
    const name = `worker-${index}.${this.#lives}`;
    this.#workers[index] = await this.#spawn(name, 'worker-main.ts', [
      this.#parts.cluster.url,
      name,
    ]);
  }

  async #startReceiver(): Promise<void> {
    const args = [String(this.#parts.port), this.#file];
    this.#receiver = await this.#spawn('receiver', 'receiver-main.ts', args);
  }

  async #disturb(time: AbortSignal): Promise<void> {
    const kinds = [
      () => this.#killWorker(),
      () => this.#killWorker(),
      () => this.#stallWorker(),
      () => this.#killRelay(),
      () => this.#stallRelay(),
      () => this.#killReceiver(),
      () => this.#stallReceiver(),
    ];
    while (!time.aborted) {
      await delay(this.#random.between(200, 2_000));
      await this.#random.pick(kinds)();
    }
  }

  #count(kind: string): void {
    this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
  }

  async #killWorker(): Promise<void> {
    const index = this.#random.below(workers);
    this.#count('worker killed');
    this.#workers[index]?.kill('SIGKILL');
    await this.#workers[index]?.ended;
    await this.#startWorker(index);
  }

  async #stall(
    child: { kill(signal: NodeJS.Signals): void } | undefined,
    ms: number,
  ): Promise<void> {
    child?.kill('SIGSTOP');
    await delay(ms);
    child?.kill('SIGCONT');
  }

  #stallWorker(): Promise<void> {
    this.#count('worker stalled');
    return this.#stall(this.#random.pick(this.#workers), this.#random.between(500, 5_000));
  }

  async #killRelay(): Promise<void> {
    const relay = this.#random.pick(this.#parts.cluster.apps.filter(({ app }) => app === 'relay'));
    this.#count('relay killed');
    relay.kill('SIGKILL');
    await relay.ended;
    await this.#parts.cluster.restart(relay);
  }

  #stallRelay(): Promise<void> {
    const relay = this.#random.pick(this.#parts.cluster.apps.filter(({ app }) => app === 'relay'));
    this.#count('relay stalled');
    return this.#stall(relay, this.#random.between(500, 8_000));
  }

  async #killReceiver(): Promise<void> {
    this.#count('receiver killed');
    this.#receiver?.kill('SIGKILL');
    await this.#receiver?.ended;
    await delay(this.#random.between(0, 3_000));
    // What was written when it was killed may be half a line.
    const text = await readFile(this.#file, 'utf8');
    if (text !== '' && !text.endsWith('\n')) appendFileSync(this.#file, '\n');
    await this.#startReceiver();
  }

  #stallReceiver(): Promise<void> {
    this.#count('receiver stalled');
    return this.#stall(this.#receiver, this.#random.between(500, 8_000));
  }

  async #get<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.#parts.cluster.url}/v3${path}`);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** No turn waits or runs any more. */
  async #ended({ id }: OwnedSession): Promise<void> {
    for (;;) {
      const { status } = await this.#get<{ status: string }>(`/sessions/${id}`);
      if (status !== 'queued' && status !== 'running') return;
      await delay(100);
    }
  }

  async #events(id: string): Promise<readonly ToldEvent[]> {
    const events: ToldEvent[] = [];
    for (let cursor: string | null = '0'; cursor !== null; ) {
      const page: { data: ToldEvent[]; next_cursor: string | null } = await this.#get(
        `/sessions/${id}/events?limit=1000&after=${cursor}`,
      );
      events.push(...page.data);
      cursor = page.next_cursor;
    }
    return events;
  }

  /** What waits for hours is asked for now. */
  async #delivered(events: ReadonlyMap<string, readonly ToldEvent[]>): Promise<void> {
    const { cluster } = this.#parts;
    for (const [id, told] of events) {
      for (;;) {
        const received = (await this.#received()).get(id);
        if (told.every((event) => !isDelivered(event) || received?.has(event.seq) === true)) break;
        const path = `/sessions/${id}/deliveries`;
        const { data } = await this.#get<{ data: { id: string }[] }>(`${path}?status=failed`);
        for (const delivery of data) {
          await fetch(`${cluster.url}/v3${path}/${delivery.id}/redeliver`, { method: 'POST' });
        }
        await delay(500);
      }
    }
  }

  async #received(): Promise<ReadonlyMap<string, ReadonlyMap<number, ReadonlySet<string>>>> {
    const found = new Map<string, Map<number, Set<string>>>();
    for (const line of (await readFile(this.#file, 'utf8')).split('\n')) {
      if (!line.endsWith('}')) continue;
      const { session, seq, id } = JSON.parse(line) as Received;
      const own = found.get(session) ?? new Map<number, Set<string>>();
      found.set(session, own.set(seq, (own.get(seq) ?? new Set()).add(id)));
    }
    return found;
  }
}
