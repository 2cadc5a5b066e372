// Durable facts, put and read by a client that remembers the versions it has seen, and looks back at how they stood.

import type { SeededPrng } from '@tidemark/ports/testing';
import { hasCode } from '@tidemark/protocol';
import { presentStream } from '@tidemark/read/present-stream';
import { decidePutFact, factOf, factsAt } from '@tidemark/session';
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
  /** The last seq that one was put at, by session. */
  readonly #seqs = new Map<string, number>();

  constructor(ask: AskForFact, prng: SeededPrng, unique: () => string) {
    this.#ask = ask;
    this.#prng = prng;
    this.#unique = unique;
  }

  async step(named: Named): Promise<void> {
    const key = keys[this.#prng.below(keys.length)] as string;
    if (this.#prng.chance(0.2)) return this.#lookBack(named, key);
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
    if (answer.factSeq !== undefined) this.#seqs.set(named.full, answer.factSeq);
  }

  async #lookBack(named: Named, key: string): Promise<void> {
    const seq = this.#prng.below((this.#seqs.get(named.full) ?? 0) + 2);
    await this.#ask({
      named,
      asked: { type: 'look-back', fact: { key, seq } },
      run: (process) => lookBack(process, named, { key, seq }),
    });
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
      const { tag: life, tailSeq: factSeq } = state.stream ?? {};
      return { ...outcome, answer: { version: outcome.answer, life, factSeq } };
    },
  });
  const told = reply.kind === 'answer' ? (reply.answer as Partial<Answered['answer']>) : {};
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

/** As the read role tells all that stood at an event; where there is none, nothing is told. */
async function lookBack(
  process: Incarnation,
  named: Named,
  { key, seq }: { readonly key: string; readonly seq: number },
): Promise<Answered> {
  const { tenant } = locate(process, named) ?? {};
  if (tenant === undefined) throw new Error('a process that is asked has its tenants');
  const { tag: life, aspects, tailSeq } = await presentStream(process, tenant, named.name);
  if (seq >= tailSeq) return { answer: { outcome: 'ok' } };
  const fact = factsAt(aspects.facts, seq).find((each) => each.key === key);
  const told = { outcome: 'ok', life, factSeq: aspects.facts.past.forgottenSeq } as const;
  if (fact?.value === undefined) return { answer: { ...told, version: 0 } };
  return { answer: { ...told, version: fact.version, value: JSON.parse(fact.value) as string } };
}
