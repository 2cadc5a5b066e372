// The readers of one client: catch-up, HEAD, long-poll and server-sent events.

import { cursorIn, failureOf, isClosed, lifeOf, numberIn, type Place, seqIn } from './answers.ts';
import { namesIn } from './bodies.ts';
import type { Exchange } from './exchange.ts';
import { fullName, type Named, pathOf } from './names.ts';
import type { Answer, Recorder } from './recorder.ts';
import { eventsOf } from './server-sent-events.ts';

export interface ReaderParts {
  readonly recorder: Recorder;
  /** By tenant. */
  readonly exchanges: ReadonlyMap<string, Exchange>;
}

export interface ReadOptions {
  /** The beginning where there is none. */
  readonly from?: Place | undefined;
  readonly limit?: number | undefined;
}

export class Reader {
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  #exchange({ tenant }: Named): Exchange {
    return this.#parts.exchanges.get(tenant) as Exchange;
  }

  async head(named: Named): Promise<Answer> {
    const { recorder } = this.#parts;
    const op = recorder.call({ session: fullName(named), type: 'head' });
    const exchanged = await this.#exchange(named).ask({ method: 'HEAD', path: pathOf(named) });
    let answer = failureOf(named, exchanged);
    // A HEAD changes nothing, whatever became of it.
    if (answer !== undefined && !isAbsence(answer)) answer = { outcome: 'unknown' };
    if (answer === undefined && exchanged.kind === 'answer') {
      const { headers } = exchanged;
      answer = {
        outcome: 'ok',
        ...lifeOf(named, cursorIn(headers)),
        tail: numberIn(headers, 'stream-next-seq') ?? 0,
        closed: isClosed(headers),
      };
    }
    recorder.answer(op, answer ?? { outcome: 'unknown' });
    return answer ?? { outcome: 'unknown' };
  }

  /** One page. The place behind it, where there was an answer. */
  async read(named: Named, { from, limit }: ReadOptions): Promise<Place | undefined> {
    const query = `offset=${from?.cursor ?? '-1'}${limit === undefined ? '' : `&limit=${limit}`}`;
    const { recorder } = this.#parts;
    const op = recorder.call({ session: fullName(named), type: 'read' });
    const path = `${pathOf(named)}?${query}`;
    const exchanged = await this.#exchange(named).ask({ method: 'GET', path });
    const failure = failureOf(named, exchanged);
    if (failure !== undefined || exchanged.kind !== 'answer') {
      recorder.answer(op, failure ?? { outcome: 'unknown' });
      return undefined;
    }
    const { headers, body } = exchanged;
    const cursor = cursorIn(headers) ?? '';
    const first = numberIn(headers, 'stream-first-seq') ?? 0;
    const end = numberIn(headers, 'stream-next-seq') ?? 0;
    const upToDate = headers['stream-up-to-date'] === 'true';
    const answer: Answer = {
      outcome: 'ok',
      ...lifeOf(named, cursor),
      first,
      end,
      events: namesIn(body, named.isJson),
      upToDate,
      ...(upToDate ? { closed: isClosed(headers) } : {}),
    };
    recorder.answer(op, answer);
    return { cursor, seq: end };
  }

  async longPoll(named: Named, from: Place): Promise<Place | undefined> {
    const { recorder } = this.#parts;
    const op = recorder.call({ session: fullName(named), type: 'read' });
    const path = `${pathOf(named)}?offset=${from.cursor}&live=long-poll`;
    const exchanged = await this.#exchange(named).ask({ method: 'GET', path });
    const failure = failureOf(named, exchanged);
    if (failure !== undefined || exchanged.kind !== 'answer') {
      recorder.answer(op, failure ?? { outcome: 'unknown' });
      return undefined;
    }
    const { status, headers, body } = exchanged;
    const cursor = cursorIn(headers) ?? '';
    const common = { outcome: 'ok', ...lifeOf(named, cursor) } as const;
    if (status === 204) {
      recorder.answer(op, { ...common, tail: from.seq, closed: isClosed(headers) });
      return from;
    }
    const end = numberIn(headers, 'stream-next-seq') ?? 0;
    const upToDate = headers['stream-up-to-date'] === 'true';
    const events = namesIn(body, named.isJson);
    const closed = upToDate ? { closed: isClosed(headers) } : {};
    recorder.answer(op, { ...common, first: from.seq, end, events, upToDate, ...closed });
    return { cursor, seq: end };
  }

  /** Follows until the signal, the end of the stream or the end of the connection. */
  async follow(named: Named, from: Place | undefined, signal: AbortSignal): Promise<void> {
    const { recorder } = this.#parts;
    const op = recorder.call({ session: fullName(named), type: 'follow' });
    const path = `${pathOf(named)}?offset=${from?.cursor ?? '-1'}&live=sse`;
    const opened = await this.#exchange(named).open({ method: 'GET', path }, signal);
    if (opened.kind !== 'response') return recorder.answer(op, { outcome: 'unknown' });
    const { response } = opened;
    if (response.statusCode !== 200) {
      response.resume();
      const isAbsent = response.statusCode === 404;
      const absent = { outcome: 'refused', code: 'session-not-found' } as const;
      return recorder.answer(op, isAbsent ? absent : { outcome: 'unknown' });
    }
    let seq = from?.seq ?? 0;
    let events: readonly string[] = [];
    try {
      for await (const { event, data } of eventsOf(response)) {
        if (event === 'data') events = namesIn(data, named.isJson);
        if (event === 'error') break;
        if (event !== 'control') continue;
        const control = JSON.parse(data) as Control;
        const closed = control.streamClosed === true ? { closed: true } : {};
        const life = lifeOf(named, control.streamNextOffset);
        const end = named.isJson ? seqIn(control.streamNextOffset) : seq + events.length;
        if (events.length > 0 || control.streamClosed === true) {
          recorder.seen(op, { ...life, first: end - events.length, events, ...closed });
        }
        seq = end;
        events = [];
      }
    } catch {
      // The connection ended; what was seen was seen.
    }
    recorder.answer(op, { outcome: 'ok' });
  }
}

interface Control {
  readonly streamNextOffset: string;
  readonly streamClosed?: boolean;
}

const isAbsence = ({ code }: Answer): boolean =>
  code === 'session-not-found' || code === 'session-gone';
