// Durable facts, put and read by a client that remembers the versions it has seen.

import type { SeededPrng } from '@tidemark/ports/testing';
import { hasCode } from '@tidemark/protocol';
import { presentStream } from '@tidemark/read/present-stream';
import { decidePutFact, factOf } from '@tidemark/session';
import type { Incarnation } from './incarnation.ts';
import type { Named } from './names.ts';
import { type Answered, type CallOf, locate } from './operate.ts';

type Asked = Omit<CallOf, 'client' | 'session' | 'shard'>;

export type AskForFact = (task: {
  readonly named: Named;
  readonly asked: Asked;
  readonly run: (process: Incarnation) => Promise<Answered>;
}) => Promise<Answered>;

const keys = ['plan', 'note', 'ü'] as const;
const actor = { by: 'client', requestId: 'req' };

export class FactClient {
  readonly #ask: AskForFact;
  readonly #prng: SeededPrng;
  readonly #unique: () => string;
  /** Versions that were seen, by session and key. */
  readonly #seen = new Map<string, number>();

  constructor(ask: AskForFact, prng: SeededPrng, unique: () => string) {
    this.#ask = ask;
    this.#prng = prng;
    this.#unique = unique;
  }

  async step(named: Named): Promise<void> {
    const key = keys[this.#prng.below(keys.length)] as string;
    if (this.#prng.chance(0.4)) return this.#get(named, key);
    const isConditional = this.#prng.chance(0.7);
    const version = isConditional ? (this.#seen.get(`${named.full} ${key}`) ?? 0) : undefined;
    const value = this.#unique();
    const fact = version === undefined ? { key, value } : { key, value, version };
    const { answer, problem } = await this.#ask({
      named,
      asked: { type: 'put-fact', fact },
      run: (process) => put(process, named, { key, value, version }),
    });
    const told =
      problem !== undefined && hasCode(problem, 'fact-conflict')
        ? problem.facts.version
        : undefined;
    this.#see(named, key, answer.version ?? told);
  }

  async #get(named: Named, key: string): Promise<void> {
    const { answer } = await this.#ask({
      named,
      asked: { type: 'get-fact', fact: { key } },
      run: (process) => get(process, named, key),
    });
    this.#see(named, key, answer.version);
  }

  #see(named: Named, key: string, version: number | undefined): void {
    if (version !== undefined) this.#seen.set(`${named.full} ${key}`, version);
  }
}

async function put(
  process: Incarnation,
  named: Named,
  fact: { readonly key: string; readonly value: string; readonly version: number | undefined },
): Promise<Answered> {
  const { tenant } = locate(process, named) ?? {};
  if (tenant === undefined) throw new Error('a process that is asked has its tenants');
  const decide = decidePutFact({ ...fact, value: JSON.stringify(fact.value) }, actor);
  const reply = await process.writes.submit(tenant, named.name, {
    kind: 'fact',
    decide: (state, context) => {
      const outcome = decide(state, context);
      if (outcome.kind !== 'records') return outcome;
      return { ...outcome, answer: { version: outcome.answer, life: state.stream?.tag } };
    },
  });
  const told = reply.kind === 'answer' ? (reply.answer as { version: number; life: string }) : {};
  return { answer: { outcome: 'ok', ...told } };
}

/** As the read role tells one. */
async function get(process: Incarnation, named: Named, key: string): Promise<Answered> {
  const { tenant } = locate(process, named) ?? {};
  if (tenant === undefined) throw new Error('a process that is asked has its tenants');
  const { tag: life, aspects } = await presentStream(process, tenant, named.name);
  const fact = factOf(aspects.facts, key);
  if (fact === undefined) return { answer: { outcome: 'ok', life, version: 0 } };
  const value = JSON.parse(fact.value) as string;
  return { answer: { outcome: 'ok', life, version: fact.version, value } };
}
