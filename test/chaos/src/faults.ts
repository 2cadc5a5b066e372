// What is done to a running cluster, one thing behind the other in each of three lanes: brokers and
// the way to them, our processes, the way from their clients.

import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, KafkaCluster, TcpProxy } from '@tidemark/infra';
import type { Random } from './random.ts';

export interface FaultParts {
  readonly kafka: KafkaCluster;
  /** Those that run, and how one is started again. */
  readonly cluster: Pick<Cluster, 'apps' | 'restart'>;
  /** Between the clients and the platform. */
  readonly wires: readonly TcpProxy[];
  /** From when to when a broker that was stopped may answer as the leader it no longer is. */
  readonly onDeposed: (kind: 'deposed' | 'known') => void;
  readonly onFault: (kind: string) => void;
}

export interface Fault {
  readonly kind: string;
  readonly weight: number;
  readonly run: (parts: FaultParts, random: Random) => Promise<void>;
}

/** How long a broker that was continued may still think that it leads. */
const awarenessMs = 3_000;

async function stopBroker({ kafka, onDeposed }: FaultParts, random: Random): Promise<void> {
  const broker = random.pick(kafka.brokers);
  onDeposed('deposed');
  await broker.kill('SIGSTOP');
  await delay(random.between(200, 6_000));
  await broker.kill('SIGCONT');
  await kafka.ready();
  await delay(awarenessMs);
  onDeposed('known');
}

async function killBroker({ kafka }: FaultParts, random: Random): Promise<void> {
  const broker = random.pick(kafka.brokers);
  await broker.kill('SIGKILL');
  await delay(random.between(500, 6_000));
  await broker.restart();
}

async function killTwoBrokers({ kafka }: FaultParts, random: Random): Promise<void> {
  const spared = random.pick(kafka.brokers);
  const killed = kafka.brokers.filter((broker) => broker !== spared);
  await Promise.all(killed.map((broker) => broker.kill('SIGKILL')));
  await delay(random.between(200, 3_000));
  await Promise.all(killed.map((broker) => broker.restart()));
}

async function hurt(wire: TcpProxy, random: Random): Promise<string> {
  const draw = random.below(4);
  const kind = ['cut', 'stalled', 'delayed', 'answers lost'][draw] as string;
  if (draw === 0) wire.cut();
  else if (draw === 1) wire.stall();
  else if (draw === 2) wire.delay(random.between(5, 150));
  else wire.dropAfterRequestBytes(random.between(1, 4_000));
  await delay(random.between(100, draw === 1 ? 5_000 : 1_500));
  wire.delay(0);
  wire.release();
  return kind;
}

async function hurtBrokerWire({ kafka, onFault }: FaultParts, random: Random): Promise<void> {
  const { proxy } = random.pick(kafka.brokers);
  if (proxy !== undefined) onFault(`broker connections ${await hurt(proxy, random)}`);
}

async function hurtClientWire({ wires, onFault }: FaultParts, random: Random): Promise<void> {
  onFault(`client connections ${await hurt(random.pick(wires), random)}`);
}

async function killApp({ cluster }: FaultParts, random: Random): Promise<void> {
  const app = random.pick(cluster.apps);
  app.kill('SIGKILL');
  await app.ended;
  await delay(random.below(1_500));
  await cluster.restart(app);
}

async function stopApp({ cluster }: FaultParts, random: Random): Promise<void> {
  const app = random.pick(cluster.apps);
  app.kill('SIGSTOP');
  await delay(random.between(100, 8_000));
  app.kill('SIGCONT');
}

export const brokerFaults: readonly Fault[] = [
  { kind: 'broker killed', weight: 4, run: killBroker },
  { kind: 'two brokers killed', weight: 1, run: killTwoBrokers },
  { kind: 'broker stopped', weight: 4, run: stopBroker },
  { kind: '', weight: 6, run: hurtBrokerWire },
];

export const appFaults: readonly Fault[] = [
  { kind: 'app killed', weight: 5, run: killApp },
  { kind: 'app stopped', weight: 4, run: stopApp },
];

export const wireFaults: readonly Fault[] = [{ kind: '', weight: 1, run: hurtClientWire }];

export function pickFault(faults: readonly Fault[], random: Random): Fault {
  let draw = random.below(faults.reduce((sum, { weight }) => sum + weight, 0));
  for (const fault of faults) {
    draw -= fault.weight;
    if (draw < 0) return fault;
  }
  throw new Error('the weights add up to more than there is');
}
