// The writing requests of one client, and what is recorded of them.

import {
  appendAnswer,
  createAnswer,
  cursorIn,
  failureOf,
  numberIn,
  type Place,
  seqIn,
} from './answers.ts';
import { bodyOf } from './bodies.ts';
import type { Exchange } from './exchange.ts';
import { fullName, type Named, pathOf } from './names.ts';
import type { Answer, Recorder } from './recorder.ts';

export interface Append {
  readonly events?: readonly string[];
  readonly padding?: number;
  readonly close?: boolean;
  readonly producer?: { readonly id: string; readonly epoch: number; readonly seq: number };
  readonly streamSeq?: string;
  readonly matchSeq?: number;
  readonly key?: string;
  readonly eventIds?: readonly string[];
}

export interface Create {
  readonly events: readonly string[];
  readonly close?: boolean;
  readonly fork?: { readonly source: Named; readonly at: Place | undefined };
}

export interface Written {
  readonly answer: Answer;
  /** Behind what was written. */
  readonly place?: Place | undefined;
}

const contentType = ({ isJson }: Named): string => (isJson ? 'application/json' : 'text/plain');

export class Writer {
  readonly #recorder: Recorder;
  readonly #exchanges: ReadonlyMap<string, Exchange>;

  constructor(recorder: Recorder, exchanges: ReadonlyMap<string, Exchange>) {
    this.#recorder = recorder;
    this.#exchanges = exchanges;
  }

  #exchange({ tenant }: Named): Exchange {
    return this.#exchanges.get(tenant) as Exchange;
  }

  async append(named: Named, append: Append): Promise<Written> {
    const { events = [], padding = 0, close = false } = append;
    const { producer, streamSeq, matchSeq, key, eventIds } = append;
    const hasKey = key !== undefined || eventIds !== undefined;
    const op = this.#recorder.call({
      session: fullName(named),
      type: 'append',
      events,
      ...(close ? { close } : {}),
      ...(producer === undefined ? {} : { producer }),
      ...(streamSeq === undefined ? {} : { streamSeq }),
      ...(matchSeq === undefined ? {} : { matchSeq }),
      ...(hasKey || producer !== undefined ? { isRepeatable: true } : {}),
    });
    const exchanged = await this.#exchange(named).ask({
      method: 'POST',
      path: pathOf(named),
      headers: headersOf(named, append),
      body: events.length === 0 ? '' : bodyOf(events, named.isJson, padding),
    });
    const failure = failureOf(named, exchanged);
    if (failure !== undefined || exchanged.kind !== 'answer') {
      return this.#answered(op, failure ?? { outcome: 'unknown' });
    }
    const shape = { count: events.length, close, hasProducer: producer !== undefined, hasKey };
    const answer = appendAnswer(named, exchanged, shape);
    const { headers } = exchanged;
    const seq = numberIn(headers, 'stream-next-seq') ?? 0;
    return this.#answered(op, answer, { cursor: cursorIn(headers) ?? '', seq });
  }

  #answered(op: string, answer: Answer, place?: Place): Written {
    this.#recorder.answer(op, answer);
    return { answer, place };
  }

  async create(named: Named, { events, close = false, fork }: Create): Promise<Written> {
    const seq = fork?.at?.seq;
    const op = this.#recorder.call({
      session: fullName(named),
      type: 'create',
      events,
      ...(close ? { close } : {}),
      ...(named.ttlSeconds === undefined ? {} : { ttlMs: named.ttlSeconds * 1_000 }),
      ...(fork === undefined
        ? {}
        : { fork: { source: fullName(fork.source), ...(seq === undefined ? {} : { seq }) } }),
    });
    const exchanged = await this.#exchange(named).ask({
      method: 'PUT',
      path: pathOf(named),
      headers: {
        'content-type': contentType(named),
        ...(close ? { 'stream-closed': 'true' } : {}),
        ...(named.ttlSeconds === undefined ? {} : { 'stream-ttl': String(named.ttlSeconds) }),
        ...(fork === undefined ? {} : { 'stream-forked-from': pathOf(fork.source) }),
        ...(fork?.at === undefined ? {} : { 'stream-fork-offset': fork.at.cursor }),
      },
      body: events.length === 0 ? '' : bodyOf(events, named.isJson, 0),
    });
    const failure = failureOf(named, exchanged);
    if (failure !== undefined || exchanged.kind !== 'answer') {
      return this.#answered(op, failure ?? { outcome: 'unknown' });
    }
    const cursor = cursorIn(exchanged.headers) ?? '';
    const isPlaced = named.isJson || (exchanged.status === 201 && events.length === 0);
    const place = isPlaced ? { cursor, seq: named.isJson ? seqIn(cursor) : 0 } : undefined;
    return this.#answered(op, createAnswer(named, exchanged, events.length), place);
  }

  async delete(named: Named): Promise<Answer> {
    const op = this.#recorder.call({ session: fullName(named), type: 'delete' });
    const exchanged = await this.#exchange(named).ask({ method: 'DELETE', path: pathOf(named) });
    const answer = failureOf(named, exchanged) ?? { outcome: 'ok' };
    this.#recorder.answer(op, answer);
    return answer;
  }
}

function headersOf(named: Named, append: Append): Record<string, string> {
  const { events = [], close, producer, streamSeq, matchSeq, key, eventIds } = append;
  return {
    ...(events.length === 0 ? {} : { 'content-type': contentType(named) }),
    ...(close === true ? { 'stream-closed': 'true' } : {}),
    ...(producer === undefined
      ? {}
      : {
          'producer-id': producer.id,
          'producer-epoch': String(producer.epoch),
          'producer-seq': String(producer.seq),
        }),
    ...(streamSeq === undefined ? {} : { 'stream-seq': streamSeq }),
    ...(matchSeq === undefined ? {} : { 'stream-match-seq': String(matchSeq) }),
    ...(key === undefined ? {} : { 'idempotency-key': key }),
    ...(eventIds === undefined ? {} : { 'stream-event-ids': eventIds.join(',') }),
  };
}
