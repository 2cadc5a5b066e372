// What may be done to a session's life, and how much it may take in: by clients that do both to sessions of
// their own, and repeat what they were told nothing of.

import type { SeededPrng } from '@tidemark/ports/testing';
import { defaultTenant, hasCode, isProblem } from '@tidemark/protocol';
import { presentStream } from '@tidemark/read/present-stream';
import type { Located } from '@tidemark/replica';
import { plain } from '@tidemark/replica/testing';
import {
  type Actor,
  decideAct,
  type LifecycleAct,
  lifecycleWord,
  requestIdUnder,
  type SessionState,
} from '@tidemark/session';
import { bytesOf } from '@tidemark/std';
import { type Incarnation, pooledTenant } from './incarnation.ts';
import { type Named, named } from './names.ts';
import { type Answered, type CallOf, locate } from './operate.ts';

type Asked = Omit<CallOf, 'client' | 'session' | 'shard'>;

export type AskForLife = (task: {
  readonly named: Named;
  readonly asked: Asked;
  readonly run: (process: Incarnation) => Promise<Answered>;
}) => Promise<Answered>;

const eventsMax = 9;
const acts: readonly LifecycleAct[] = [
  'start',
  'pause',
  'resume',
  'pause',
  'resume',
  'end',
  'archive',
];

const lives: readonly Named[] = Array.from({ length: 6 }, (_, index) =>
  named(index % 2 === 0 ? defaultTenant : pooledTenant, `life ${index}`),
);

const made = { ...plain, profile: { limits: { events: eventsMax } } };

interface Sent {
  readonly life: Named;
  readonly act: LifecycleAct;
  readonly request: string;
}

export class LifeClient {
  readonly #ask: AskForLife;
  readonly #prng: SeededPrng;
  readonly #unique: () => string;
  /** What may be asked for again, by a client that has forgotten the answer. */
  #sent: readonly Sent[] = [];

  constructor(ask: AskForLife, prng: SeededPrng, unique: () => string) {
    this.#ask = ask;
    this.#prng = prng;
    this.#unique = unique;
  }

  async step(): Promise<void> {
    const life = lives[this.#prng.below(lives.length)] as Named;
    if (this.#prng.chance(0.3)) return this.#look(life);
    if (this.#prng.chance(0.4)) return this.#spend(life);
    const isLate = this.#prng.chance(0.25) && this.#sent.length > 0;
    const sent = isLate
      ? (this.#sent[this.#prng.below(this.#sent.length)] as Sent)
      : { life, act: acts[this.#prng.below(acts.length)] as LifecycleAct, request: this.#unique() };
    if (!isLate) this.#sent = [...this.#sent.slice(-3), sent];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { answer } = await this.#act(sent);
      if (answer.outcome !== 'unknown') return;
    }
  }

  #act({ life, act, request }: Sent): Promise<Answered> {
    return this.#ask({
      named: life,
      asked: { type: 'act', act: { act, request } },
      run: (process) =>
        perform(process, life, {
          act,
          actor: { by: 'c', requestId: requestIdUnder('q', request) },
        }),
    });
  }

  async #look(life: Named): Promise<void> {
    await this.#ask({
      named: life,
      asked: { type: 'look' },
      run: (process) => look(process, life),
    });
  }

  async #spend(life: Named): Promise<void> {
    const count = 1 + this.#prng.below(3);
    const isSettling = this.#prng.chance(0.2);
    const type = isSettling ? 'session.error' : 'note';
    const body = bytesOf(JSON.stringify({ type, n: this.#unique() }));
    await this.#ask({
      named: life,
      asked: { type: 'spend', spend: { count, limit: eventsMax, isSettling } },
      run: async (process) => {
        const { tenant } = await there(process, life);
        const events = Array.from({ length: count }, () => body);
        const types = events.map(() => type);
        const { contentType } = made;
        const command = { kind: 'append', contentType, events, types, close: false } as const;
        const { firstSeq: first } = await process.writes.append(tenant, life.name, command);
        return { answer: { outcome: 'ok', first } };
      },
    });
  }
}

/** Whoever needs the session first makes it: a repeat is told that it is there. */
async function there(process: Incarnation, life: Named): Promise<Located> {
  const found = locate(process, life);
  if (found === undefined) throw new Error('a process that is asked has its tenants');
  await process.writes.create(found.tenant, life.name, made).catch((cause: unknown) => {
    // One that is closed by now is not what was asked for, and there.
    if (!isProblem(cause) || !hasCode(cause, 'session-exists')) throw cause;
  });
  return found;
}

const standing = (state: SessionState): { word?: string; rev: number } => {
  const { stream, rev } = state;
  return stream === undefined
    ? { rev }
    : { word: lifecycleWord(stream.aspects, stream.isClosed), rev };
};

async function perform(
  process: Incarnation,
  life: Named,
  { act, actor }: { readonly act: LifecycleAct; readonly actor: Actor },
): Promise<Answered> {
  const { tenant } = await there(process, life);
  const decide = decideAct(act, actor);
  try {
    const reply = await process.writes.submit(tenant, life.name, {
      kind: 'fact',
      decide: (state, context) => {
        const outcome = decide(state, context);
        if (outcome.kind !== 'records') return outcome;
        const from = standing(state);
        return { ...outcome, answer: { ...from, endRev: from.rev + outcome.drafts.length } };
      },
    });
    const told = reply.kind === 'answer' ? (reply.answer as object | undefined) : undefined;
    return { answer: { outcome: 'ok', ...told } };
  } catch (cause) {
    if (!isProblem(cause) || !hasCode(cause, 'transition-refused')) throw cause;
    const { state: word } = cause.facts;
    return { answer: { outcome: 'refused', code: cause.code, word } };
  }
}

async function look(process: Incarnation, life: Named): Promise<Answered> {
  const { tenant, replica, key } = await there(process, life);
  await presentStream(process, tenant, life.name);
  const told = await replica.with(key, ({ state }) => standing(state));
  return { answer: { outcome: 'ok', ...told } };
}
