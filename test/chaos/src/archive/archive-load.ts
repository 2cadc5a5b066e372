// Writers and readers of many sessions, each event of which says what it is: whoever reads knows what comes next.

import { setTimeout as delay } from 'node:timers/promises';

export interface Target {
  readonly url: () => string;
  readonly headers: Readonly<Record<string, string>>;
}

interface NumberedEvent {
  readonly type: 'agent.note';
  readonly session: number;
  readonly n: number;
  readonly text: string;
}

const nameOf = (session: number): string => `s${String(session).padStart(5, '0')}`;

const words = 'the agent reads a file, runs the tests, and says what it has found in them'.split(
  ' ',
);

/** About 400 bytes, of words that differ from event to event. */
function eventOf(session: number, n: number): NumberedEvent {
  let state = session * 7_919 + n * 104_729 + 1;
  const next = (): number => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x297a2d39;
    return (state >>> 8) % words.length;
  };
  const text = Array.from({ length: 60 }, () => words[next()]);
  return { type: 'agent.note', session, n, text: text.join(' ') };
}

const againMs = 100;
const attemptMs = 20_000;

export class ArchiveLoad {
  readonly #target: Target;
  /** Of each session, how many events were acknowledged. */
  readonly acknowledged: number[];
  readonly wrong: string[] = [];
  readonly latenciesMs: number[] = [];
  /** Requests that had to be repeated, by what came of them. */
  readonly repeated = new Map<string, number>();
  #sent = 0;

  constructor(target: Target, sessions: number) {
    this.#target = target;
    this.acknowledged = Array.from({ length: sessions }, () => 0);
  }

  get sentEvents(): number {
    return this.#sent;
  }

  /** Appends until there are so many, and nobody wants more, over all sessions in turn. */
  async write(events: number, perAppend: number, isToGoOn: () => boolean): Promise<void> {
    const sessions = this.acknowledged.length;
    const busy = new Set<number>();
    let next = 0;
    const work = async (): Promise<void> => {
      while (this.#sent < events || isToGoOn()) {
        const session = next % sessions;
        next += 1;
        if (busy.has(session)) {
          await delay(1);
          continue;
        }
        busy.add(session);
        this.#sent += perAppend;
        await this.#append(session, perAppend);
        busy.delete(session);
      }
    };
    await Promise.all(Array.from({ length: 16 }, work));
  }

  async #append(session: number, count: number): Promise<void> {
    const first = this.acknowledged[session] ?? 0;
    const events = Array.from({ length: count }, (_, index) => eventOf(session, first + index));
    const startMs = performance.now();
    for (;;) {
      const status = await this.#ask(`/v1/sessions/${nameOf(session)}/events`, {
        method: 'POST',
        headers: { 'idempotency-key': `${session}-${first}`, 'content-type': 'application/json' },
        body: JSON.stringify({ events }),
      });
      if (status?.ok === true) break;
      if (status !== undefined && status.status < 500 && status.status !== 429) {
        this.wrong.push(`append to ${session} at ${first}: ${status.status} ${status.text}`);
        return;
      }
      await delay(againMs);
    }
    this.latenciesMs.push(performance.now() - startMs);
    this.acknowledged[session] = first + count;
  }

  async #ask(
    path: string,
    init: RequestInit = {},
  ): Promise<
    | {
        readonly ok: boolean;
        readonly status: number;
        readonly text: string;
        readonly next: string;
      }
    | undefined
  > {
    try {
      const answer = await fetch(`${this.#target.url()}${path}`, {
        ...init,
        headers: { ...this.#target.headers, ...(init.headers as Record<string, string>) },
        signal: AbortSignal.timeout(attemptMs),
      });
      const { ok, status } = answer;
      if (!ok) this.#count(String(status));
      const next = answer.headers.get('stream-next-offset') ?? '';
      return { ok, status, text: await answer.text(), next };
    } catch (cause) {
      this.#count((cause as Error).name);
      return undefined;
    }
  }

  #count(what: string): void {
    this.repeated.set(what, (this.repeated.get(what) ?? 0) + 1);
  }

  /** Follows some sessions from their beginnings until each has all that will ever be in it. */
  async follow(sessions: readonly number[], isLast: () => boolean): Promise<number> {
    const read = new Map(sessions.map((session) => [session, { cursor: '-1', n: 0 }]));
    let events = 0;
    while (read.size > 0) {
      const isEnd = isLast();
      for (const [session, at] of read) {
        if (at.n >= (this.acknowledged[session] ?? 0)) {
          if (isEnd) read.delete(session);
          continue;
        }
        events += await this.#readOn(session, at);
      }
      await delay(20);
    }
    return events;
  }

  /** What comes next in a session is what was appended next, once. */
  async #readOn(session: number, at: { cursor: string; n: number }): Promise<number> {
    const answer = await this.#ask(`/v1/stream/${nameOf(session)}?offset=${at.cursor}`);
    if (answer?.ok !== true) {
      const isWrong = answer !== undefined && answer.status < 500 && answer.status !== 429;
      if (isWrong)
        this.wrong.push(`read of ${session} at ${at.n}: ${answer.status} ${answer.text}`);
      if (isWrong) at.n = Number.POSITIVE_INFINITY;
      await delay(againMs);
      return 0;
    }
    const events = JSON.parse(answer.text) as readonly NumberedEvent[];
    for (const event of events) {
      if (event.session !== session || event.n !== at.n) {
        this.wrong.push(`read of ${session}: ${event.session}/${event.n} in the place of ${at.n}`);
        at.n = Number.POSITIVE_INFINITY;
        return 0;
      }
      at.n += 1;
    }
    at.cursor = answer.next;
    return events.length;
  }
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
}
