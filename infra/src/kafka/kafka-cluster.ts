import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePorts } from '../free-ports.ts';
import type { Supervised } from '../supervisor.ts';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';
import type { BrokerPorts } from './broker-settings.ts';
import {
  type ClientListener,
  certificateIn,
  type SaslUser,
  scramArguments,
} from './client-listener.ts';
import { type BrokerPlace, brokerLogTail, launchBroker, prepareBroker } from './kafka-broker.ts';
import { formatFolder, installKafka, type KafkaInstall } from './kafka-install.ts';
import { type Address, liveBrokers, quorumLeader } from './kafka-wire.ts';

export interface KafkaOptions {
  readonly brokers?: 1 | 3;
  /** How long a silent broker stays leader. */
  readonly sessionTimeoutMs?: number;
  /** Compiled for speed in the long run: starting then takes twice the processor time. */
  readonly isLongLived?: boolean;
  /** Kept when the cluster stops, and taken up again when it is there. Absent: a temporary one. */
  readonly dataFolder?: string;
  /** Puts a proxy before the client listener of each broker. */
  readonly proxied?: boolean;
  /** Where clients are told to find a broker, when it is neither itself nor its proxy. */
  readonly advertise?: (brokerId: number, port: number) => Address;
  /** Clients then come in as one of them, and brokers offer the mechanisms of these alone. */
  readonly users?: readonly SaslUser[];
  /** After which brokers want to see a login again. */
  readonly loginLifeMs?: number;
  /** Clients come in by TLS, and trust the cluster's `ca`. */
  readonly tls?: boolean;
}

export interface KafkaBroker {
  readonly id: number;
  readonly pid: number;
  /** As clients see it: the proxy's where there is one. */
  readonly host: string;
  readonly port: number;
  readonly proxy: TcpProxy | undefined;
  /** Past the proxy: who comes this way is told the addresses of this way. */
  readonly direct: Address;
  isRunning(): boolean;
  /** SIGKILL returns when the process is gone; SIGSTOP and SIGCONT at once. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again with the same data and port, and waits until the others see it. */
  restart(): Promise<void>;
}

export interface KafkaCluster extends AsyncDisposable {
  readonly brokers: readonly KafkaBroker[];
  readonly bootstrap: readonly string[];
  /** PEM. Where clients come in by TLS. */
  readonly ca: string | undefined;
  /** Waits until every running broker sees every running broker. */
  ready(): Promise<void>;
  /** The broker whose controller leads the quorum. */
  activeController(): Promise<number>;
  stop(): Promise<void>;
}

const readyTimeoutMs = 120_000;

export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const install = await installKafka(makeArchive);
  const cluster = await layOut(install, options);
  try {
    await Promise.all(cluster.brokers.map((broker) => broker.launch()));
    await cluster.ready();
    return cluster;
  } catch (cause) {
    await cluster.stop();
    throw cause;
  }
}

class Broker implements KafkaBroker {
  readonly place: BrokerPlace;
  readonly proxy: TcpProxy | undefined;
  readonly #becomeReady: () => Promise<void>;
  #process: Supervised | undefined;

  constructor(place: BrokerPlace, proxy: TcpProxy | undefined, becomeReady: () => Promise<void>) {
    this.place = place;
    this.proxy = proxy;
    this.#becomeReady = becomeReady;
  }

  get id(): number {
    return this.place.settings.node.id;
  }

  get pid(): number {
    return this.#process?.pid ?? -1;
  }

  get host(): string {
    return this.place.settings.advertised.host;
  }

  get port(): number {
    return this.place.settings.advertised.port;
  }

  get direct(): Address {
    return { host: '127.0.0.1', port: this.place.settings.node.internal };
  }

  isRunning(): boolean {
    return this.#process?.isRunning() ?? false;
  }

  async launch(): Promise<void> {
    this.#process = await launchBroker(this.place);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#process?.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await this.#process?.ended;
  }

  async restart(): Promise<void> {
    await this.kill('SIGKILL');
    await this.launch();
    await this.#becomeReady();
  }
}

class Cluster implements KafkaCluster {
  readonly brokers: Broker[] = [];
  readonly folder: string;
  readonly #isKept: boolean;

  constructor(folder: string, isKept: boolean) {
    this.folder = folder;
    this.#isKept = isKept;
  }

  get ca(): string | undefined {
    return this.brokers[0]?.place.settings.clients.certificate?.ca;
  }

  get bootstrap(): readonly string[] {
    return this.brokers.map(({ host, port }) => `${host}:${port}`);
  }

  async ready(): Promise<void> {
    const deadline = Date.now() + readyTimeoutMs;
    for (;;) {
      const running = this.brokers.filter((broker) => broker.isRunning());
      const expected = running.map(({ id }) => id).join();
      const views = await Promise.all(
        running.map(({ direct }) => liveBrokers(direct).catch(() => [])),
      );
      if (views.every((ids) => ids.toSorted((one, other) => one - other).join() === expected)) {
        if ((await this.activeController()) > 0) return;
      }
      this.#assertAllRun();
      if (Date.now() > deadline) throw new Error(`Kafka did not start\n${this.#logs()}`);
      await wait(50);
    }
  }

  // A broker that a test has killed is not running on purpose; one that ends while it is waited for
  // has a reason in its log.
  #assertAllRun(): void {
    if (!this.brokers.some((broker) => broker.isRunning())) {
      throw new Error(`no broker runs\n${this.#logs()}`);
    }
  }

  #logs(): string {
    return this.brokers
      .map(({ id, place }) => `broker ${id}:\n${brokerLogTail(place.folder)}`)
      .join('\n');
  }

  async activeController(): Promise<number> {
    for (const broker of this.brokers.filter((candidate) => candidate.isRunning())) {
      const id = await quorumLeader(broker.direct).catch(() => -1);
      if (id > 0) return id;
    }
    return -1;
  }

  async stop(): Promise<void> {
    // What is kept is closed in order; what is thrown away need not be.
    const signal = this.#isKept ? 'SIGTERM' : 'SIGKILL';
    await Promise.all(this.brokers.map((broker) => broker.kill('SIGCONT')));
    await Promise.all(this.brokers.map((broker) => broker.kill(signal)));
    for (const { proxy } of this.brokers) await proxy?.[Symbol.asyncDispose]();
    if (!this.#isKept) await rm(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function layOut(install: KafkaInstall, options: KafkaOptions): Promise<Cluster> {
  const { dataFolder } = options;
  const folder = dataFolder ?? (await mkdtemp(join(tmpdir(), 'tidemark-kafka-')));
  const cluster = new Cluster(folder, dataFolder !== undefined);
  try {
    await addBrokers(cluster, install, options);
    return cluster;
  } catch (cause) {
    await cluster.stop();
    throw cause;
  }
}

async function addBrokers(
  cluster: Cluster,
  install: KafkaInstall,
  options: KafkaOptions,
): Promise<void> {
  const { folder } = cluster;
  await mkdir(folder, { recursive: true });
  const all = await portsOf(folder, options);
  const { users = [], loginLifeMs, tls } = options;
  const isOld = existsSync(join(folder, '1', 'data', 'meta.properties'));
  const [certificate, formattedFolder] = await Promise.all([
    tls === true ? certificateIn(folder, install.java) : undefined,
    isOld ? undefined : formattedFor(users, install, folder),
  ]);
  const clients: ClientListener = { users, loginLifeMs, certificate };
  const clusterId = randomId();
  for (const node of all) {
    const proxy = await proxyOf(node, options);
    const advertised = options.advertise?.(node.id, node.client) ?? {
      host: '127.0.0.1',
      port: proxy?.port ?? node.client,
    };
    const place: BrokerPlace = {
      install,
      folder: join(folder, String(node.id)),
      isLongLived: options.isLongLived === true,
      settings: {
        node,
        all,
        advertised,
        dataFolder: join(folder, String(node.id), 'data'),
        sessionTimeoutMs: options.sessionTimeoutMs ?? 1_000,
        clients,
      },
    };
    if (formattedFolder !== undefined) {
      await prepareBroker(place, { clusterId, formattedFolder, directoryId: randomId() });
    }
    cluster.brokers.push(new Broker(place, proxy, () => cluster.ready()));
  }
}

/** The install's own, unless users are to be in it. */
async function formattedFor(
  users: readonly SaslUser[],
  install: KafkaInstall,
  folder: string,
): Promise<string> {
  const extra = scramArguments(users);
  if (extra.length === 0) return install.formattedFolder;
  const formattedFolder = join(folder, 'formatted');
  await formatFolder(install, formattedFolder, extra);
  return formattedFolder;
}

async function proxyOf(node: BrokerPorts, options: KafkaOptions): Promise<TcpProxy | undefined> {
  if (options.proxied !== true) return undefined;
  return startTcpProxy({ target: { host: '127.0.0.1', port: node.client } });
}

/** A kept folder keeps its ports, so that clients find the cluster where it was. */
async function portsOf(folder: string, options: KafkaOptions): Promise<readonly BrokerPorts[]> {
  const portsFile = join(folder, 'ports.json');
  if (existsSync(portsFile)) {
    return JSON.parse(await readFile(portsFile, 'utf8')) as BrokerPorts[];
  }
  const count = options.brokers ?? 3;
  const ports = await freePorts(count * 3);
  const all = Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    client: ports[index * 3] ?? 0,
    internal: ports[index * 3 + 1] ?? 0,
    controller: ports[index * 3 + 2] ?? 0,
  }));
  await writeFile(portsFile, JSON.stringify(all));
  return all;
}

/** A Kafka Uuid: 16 bytes in base64url. A leading dash would read as an option. */
function randomId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? randomId() : id;
}

async function makeArchive(install: KafkaInstall): Promise<void> {
  const cluster = await layOut(install, { brokers: 1 });
  const [broker] = cluster.brokers;
  if (broker === undefined) throw new Error('a cluster has a broker');
  const process = await launchBroker({ ...broker.place, makesArchive: true });
  try {
    while (process.isRunning() && !(await isUp(broker.direct))) await wait(100);
    process.kill('SIGTERM');
    await process.ended;
    if (!existsSync(install.archiveFile)) {
      throw new Error(`no class data archive was made\n${brokerLogTail(broker.place.folder)}`);
    }
  } finally {
    await process[Symbol.asyncDispose]();
    await cluster.stop();
  }
}

const isUp = async (address: Address): Promise<boolean> =>
  (await liveBrokers(address).catch(() => [])).length > 0;
