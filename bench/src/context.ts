import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SharedKafka } from '@tidemark/infra';
import type { Contestant, Place, Running } from './contestants/contestant.ts';
import { cacheFolder } from './contestants/install.ts';
import { Generator } from './load/generator.ts';
import type { Sample } from './sample.ts';

export interface ContextOptions {
  readonly isSmoke: boolean;
  /** Our processes write a profile there, and nobody else takes part. */
  readonly profileFolder: string | undefined;
  readonly say: (line: string) => void;
  /** The only point of a sweep that is measured. */
  readonly at: number | undefined;
  /** Takes the place of the references. */
  readonly before: Contestant | undefined;
  readonly rounds: number | undefined;
  /** Called once at most. */
  readonly kafka: () => Promise<SharedKafka>;
}

/** What a benchmark runs in: how long, with whom, on which disk. */
export class Context implements AsyncDisposable {
  readonly isSmoke: boolean;
  readonly say: (line: string) => void;
  readonly place: Place;
  readonly generator = new Generator();
  readonly #generators: Generator[] = [];
  readonly #at: number | undefined;
  readonly #before: Contestant | undefined;
  readonly #rounds: number | undefined;
  readonly #openKafka: () => Promise<SharedKafka>;
  #kafka: Promise<SharedKafka> | undefined;

  constructor({ isSmoke, profileFolder, say, at, before, rounds, kafka }: ContextOptions) {
    this.#at = at;
    this.#before = before;
    this.#rounds = rounds;
    this.#openKafka = kafka;
    this.isSmoke = isSmoke;
    this.say = say;
    this.place = { folder: join(cacheFolder, `run-${process.pid}`), profileFolder };
  }

  get isAlone(): boolean {
    return this.isSmoke || this.place.profileFolder !== undefined;
  }

  get rounds(): number {
    return this.roundsOr(3);
  }

  /** Of what needs more than others, or takes long: so many where nothing is said. */
  roundsOr(usual: number): number {
    return this.#rounds ?? (this.isAlone ? 1 : usual);
  }

  get warmMs(): number {
    return this.isSmoke ? 100 : 1_000;
  }

  get forMs(): number {
    return this.isSmoke ? 300 : 4_000;
  }

  /** The full figure, or one that takes seconds. */
  scaled<T>(full: T, smoke: T): T {
    return this.isSmoke ? smoke : full;
  }

  /** Points of a sweep, or the one that was asked for. */
  points(full: readonly number[], smoke: readonly number[]): readonly number[] {
    return this.#at === undefined ? this.scaled(full, smoke) : [this.#at];
  }

  /** References that have to be installed: none of them in a smoke run. */
  async references(
    ...makers: readonly (() => Promise<Contestant | undefined>)[]
  ): Promise<readonly Contestant[]> {
    if (this.#before !== undefined) return [this.#before];
    if (this.isAlone) return [];
    const made: Contestant[] = [];
    for (const make of makers) {
      const contestant = await make();
      if (contestant !== undefined) made.push(contestant);
    }
    return made;
  }

  async anotherGenerator(): Promise<Generator> {
    const generator = new Generator();
    this.#generators.push(generator);
    return generator;
  }

  /** Three brokers with nothing on them; in a smoke run, those of everybody. */
  kafka(): Promise<SharedKafka> {
    this.#kafka ??= this.#openKafka();
    return this.#kafka;
  }

  async start(contestants: readonly Contestant[]): Promise<RunningContestants> {
    await mkdir(this.place.folder, { recursive: true });
    const running: Running[] = [];
    for (const contestant of contestants) {
      this.say(`  ${contestant.name}: ${contestant.version}; durability: ${contestant.durability}`);
      running.push(await contestant.start(this.place));
    }
    return new RunningContestants(this, running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const generator of [this.generator, ...this.#generators]) {
      await generator[Symbol.asyncDispose]();
    }
    await (await this.#kafka)?.[Symbol.asyncDispose]();
    await rm(this.place.folder, { recursive: true, force: true });
  }
}

export class RunningContestants implements AsyncDisposable {
  readonly #context: Context;
  readonly all: readonly Running[];

  constructor(context: Context, all: readonly Running[]) {
    this.#context = context;
    this.all = all;
  }

  /** Several rounds, everybody once in each, in an order that turns. */
  async interleave(
    measure: (running: Running) => Promise<Sample>,
    rounds: number = this.#context.rounds,
  ): Promise<Map<string, Sample[]>> {
    return interleave({
      of: this.all.map((running) => [running.contestant.name, () => measure(running)] as const),
      rounds,
      say: this.#context.say,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((running) => running[Symbol.asyncDispose]()));
  }
}

export interface Interleaving {
  readonly of: readonly (readonly [name: string, measure: () => Promise<Sample>])[];
  readonly rounds: number;
  readonly say: (line: string) => void;
}

/** Another's failure ends its part; ours ends the benchmark. */
export async function interleave({
  of,
  rounds,
  say,
}: Interleaving): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(of.map(([name]) => [name, []]));
  const [ours] = samples.keys();
  const failed = new Set<string>();
  const takeTurn = async ([name, measure]: Interleaving['of'][number]): Promise<void> => {
    if (failed.has(name)) return;
    try {
      samples.get(name)?.push(await measure());
    } catch (cause) {
      if (name === ours) throw cause;
      failed.add(name);
      samples.set(name, []);
      say(`  ${name} failed: ${String(cause).slice(0, 300)}`);
    }
  };
  for (let round = 0; round < rounds; round += 1) {
    const first = round % of.length;
    for (const turn of [...of.slice(first), ...of.slice(0, first)]) await takeTurn(turn);
  }
  return samples;
}
