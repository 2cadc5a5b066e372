// Faults at random from a seed, for as long as the run goes on, and now and then a broker's kill with
// nothing else going on, for what it costs.

import { setTimeout as delay } from 'node:timers/promises';
import {
  appFaults,
  brokerFaults,
  type Fault,
  type FaultParts,
  pickFault,
  wireFaults,
} from './faults.ts';
import type { Random } from './random.ts';
import type { ShardProbe } from './shard-probe.ts';

/** At a broker's kill: how long the shard that suffered most could not be written. */
export interface Outage {
  readonly wasController: boolean;
  readonly longestMs: number;
}

export type DisturbanceParts = Omit<FaultParts, 'onFault'> & {
  readonly probes: readonly ShardProbe[];
};

export interface Randoms {
  readonly brokers: Random;
  readonly apps: Random;
  readonly wires: Random;
}

interface Lane {
  readonly faults: readonly Fault[];
  readonly random: Random;
}

const quietMs = 2_500;
const observedMs = 6_000;
const lonelyShare = 0.3;

export class Disturbance {
  readonly outages: Outage[] = [];
  readonly faults = new Map<string, number>();
  readonly #parts: DisturbanceParts & FaultParts;
  readonly #random: Randoms;
  #isAlone = false;
  readonly #running = new Set<Promise<void>>();

  constructor(parts: DisturbanceParts, random: Randoms) {
    this.#parts = { ...parts, onFault: (kind) => this.#count(kind) };
    this.#random = random;
  }

  #count(kind: string): void {
    if (kind !== '') this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { apps, wires } = this.#random;
    await Promise.all([
      this.#runBrokers(signal),
      this.#runLane({ faults: appFaults, random: apps }, signal),
      this.#runLane({ faults: wireFaults, random: wires }, signal),
    ]);
  }

  async #runBrokers(signal: AbortSignal): Promise<void> {
    const random = this.#random.brokers;
    let lonely = 0;
    for (let round = 1; !signal.aborted; round += 1) {
      // Also a short run has both: the kill of the controller and that of another.
      if (round === 2 || round === 4 || (round > 4 && random.chance(lonelyShare))) {
        await this.#killAlone(lonely % 2 === 0);
        lonely += 1;
      } else await this.#run(pickFault(brokerFaults, random), random);
      await delay(random.below(1_500));
    }
  }

  async #runLane({ faults, random }: Lane, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#isAlone) {
        const running = this.#run(pickFault(faults, random), random);
        this.#running.add(running);
        await running;
        this.#running.delete(running);
      }
      await delay(random.between(100, 1_500));
    }
  }

  async #run(fault: Fault, random: Random): Promise<void> {
    this.#count(fault.kind);
    await fault.run(this.#parts, random);
  }

  async #killAlone(wantsController: boolean): Promise<void> {
    const { kafka, probes } = this.#parts;
    this.#isAlone = true;
    await Promise.all(this.#running);
    await delay(quietMs);
    const controller = await kafka.activeController();
    const fitting = kafka.brokers.filter(({ id }) => (id === controller) === wantsController);
    const broker = this.#random.brokers.pick(fitting.length > 0 ? fitting : kafka.brokers);
    const killedMs = performance.now();
    this.#count(wantsController ? 'broker killed, the active controller' : 'broker killed');
    await broker.kill('SIGKILL');
    await delay(observedMs);
    while (probes.some(({ lastMs }) => lastMs < killedMs + observedMs / 2)) await delay(100);
    const longestMs = Math.max(...probes.map((probe) => probe.longestGapMs(killedMs)));
    this.outages.push({ wasController: broker.id === controller, longestMs });
    this.#isAlone = false;
    await broker.restart();
  }
}
