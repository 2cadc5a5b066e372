// A session from which events are taken: trimmed, redacted, appended to, and read from where it begins.

import type { SeededPrng } from '@tidemark/ports/testing';
import { hasCode, jsonContentType } from '@tidemark/protocol';
import type { CreateRequest } from '@tidemark/replica/testing';
import { decideRedact, decideTrim, type FactDecision } from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import type { Incarnation } from './incarnation.ts';
import type { Named } from './names.ts';
import { type Answered, type CallOf, locate, openView } from './operate.ts';

type Asked = Omit<CallOf, 'client' | 'session' | 'shard'>;

export type AskToKeep = (task: {
  readonly named: Named;
  readonly asked: Asked;
  readonly run: (process: Incarnation) => Promise<Answered>;
}) => Promise<Answered>;

const actor = { by: 'client', requestId: 'req' };

const plain: CreateRequest = {
  contentType: jsonContentType,
  ttlMs: undefined,
  expiresAtMs: undefined,
  isClosed: false,
  events: [],
  fork: undefined,
};

export class KeepingClient {
  readonly #ask: AskToKeep;
  readonly #prng: SeededPrng;
  readonly #unique: () => string;
  /** How far each session was seen to go. */
  readonly #tails = new Map<string, number>();

  constructor(ask: AskToKeep, prng: SeededPrng, unique: () => string) {
    this.#ask = ask;
    this.#prng = prng;
    this.#unique = unique;
  }

  async step(named: Named): Promise<void> {
    const tail = this.#tails.get(named.full) ?? 0;
    const draw = this.#prng.below(100);
    if (draw < 45 || tail === 0) return this.#append(named);
    if (draw < 75) return this.#read(named);
    const seq = this.#prng.below(tail + 1);
    const isTrim = draw < 82;
    const type = isTrim ? 'keep-trim' : 'keep-redact';
    const decide = isTrim
      ? decideTrim({ seq: Math.floor(seq / 2), position: Math.floor(seq / 2) }, actor)
      : decideRedact(seq, actor);
    const kept = { seq: isTrim ? Math.floor(seq / 2) : seq };
    await this.#ask({
      named,
      asked: { type, kept },
      run: (process) => say(process, named, decide),
    });
  }

  async #append(named: Named): Promise<void> {
    const word = this.#unique();
    const { answer } = await this.#ask({
      named,
      asked: { type: 'keep-append', kept: { word } },
      run: (process) => append(process, named, word),
    });
    this.#see(named, (answer.kept?.seq ?? -1) + 1);
  }

  async #read(named: Named): Promise<void> {
    const { answer } = await this.#ask({
      named,
      asked: { type: 'keep-read' },
      run: (process) => read(process, named),
    });
    const { head = 0, words = [] } = answer.kept ?? {};
    this.#see(named, head + words.length);
  }

  #see({ full }: Named, tail: number): void {
    this.#tails.set(full, Math.max(tail, this.#tails.get(full) ?? 0));
  }
}

function tenantOf(process: Incarnation, named: Named) {
  const { tenant } = locate(process, named) ?? {};
  if (tenant === undefined) throw new Error('a process that is asked has its tenants');
  return tenant;
}

async function append(process: Incarnation, named: Named, word: string): Promise<Answered> {
  const tenant = tenantOf(process, named);
  await process.writes.create(tenant, named.name, plain);
  const events = [bytesOf(JSON.stringify({ word }))];
  const command = { kind: 'append', contentType: jsonContentType, events, close: false } as const;
  const { firstSeq } = await process.writes.append(tenant, named.name, command);
  return { answer: { outcome: 'ok', kept: { seq: firstSeq } } };
}

async function say(process: Incarnation, named: Named, decide: FactDecision): Promise<Answered> {
  await process.writes.submit(tenantOf(process, named), named.name, { kind: 'fact', decide });
  return { answer: { outcome: 'ok' } };
}

/** All of it, from where it begins, as the read role tells it. */
async function read(process: Incarnation, named: Named): Promise<Answered> {
  using view = await openView(process, named, true);
  const { reader } = process.shards;
  const end = view.present.tailSeq;
  let head = view.present.aspects.keeping.head.seq;
  let words: string[] = [];
  for (let position = head; position < end; ) {
    const bounds = { position, bytesMax: 200, eventsMax: end - position };
    try {
      const range =
        reader.readHot(view.session, bounds) ?? (await reader.read(view.source, bounds));
      words.push(...range.split().map(wordOf));
      position = range.endPosition;
    } catch (cause) {
      // It was trimmed while it was read.
      if (!(cause instanceof Error) || !isBehind(cause)) throw cause;
      head = view.present.aspects.keeping.head.seq;
      [position, words] = [head, []];
    }
  }
  return { answer: { outcome: 'ok', kept: { head, words } } };
}

const isBehind = (cause: Error): boolean =>
  'code' in cause && hasCode(cause as Parameters<typeof hasCode>[0], 'behind-head');

/** Empty of an event that is redacted. */
const wordOf = (body: Uint8Array): string =>
  (JSON.parse(textOf(body)) as { readonly word?: string }).word ?? '';
