// Runs turns of durable agent sessions: claims one, keeps its lease, reports what is done, ends it.
//
// (1) A claim has a generation. Whoever lost the turn hears `turn-lost`, and writes nothing any more.
// (2) Each event has an id: a report that is repeated writes nothing twice.
// (3) The signal of a turn fires where it is over, lost, to be cancelled, or its worker stops. A worker that
//     stops leaves its turn to the lease.

import { ownPlatform, pause } from './platform.ts';
import { isProblem } from './problem.ts';
import { type Credential, jitterMs, Requests } from './requests.ts';

/** What a worker says of what it did: `agent.message {text}`, `tool.call {call_id, tool, args}`, … */
export interface TurnEvent {
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly id?: string;
  readonly level?: 'user' | 'progress' | 'internal';
}

/** An event as sessions tell it. */
export interface ToldTurnEvent extends TurnEvent {
  readonly id: string;
  readonly seq: number;
  readonly turn_id?: string;
  readonly content_ref?: string;
}

export interface TurnEnding {
  readonly outcome: 'completed' | 'needs_input' | 'error' | 'canceled';
  readonly events?: readonly TurnEvent[];
  readonly error?: string;
}

export interface HeldTurn {
  readonly id: string;
  readonly generation: number;
  readonly is_over: boolean;
  readonly yield_reason: string | null;
  readonly cancel_requested: boolean;
  readonly lease_seconds: number;
  readonly deadline_at: string;
  /** From 1 on, both within. */
  readonly input_from_seq: number;
  readonly input_to_seq: number;
  /** Somebody has said more than this turn has. */
  readonly has_new_input: boolean;
  readonly head: number;
}

export interface TurnAgent {
  readonly id: string;
  readonly name?: string;
  readonly system?: string | null;
  readonly model?: { readonly id: string } | string;
  readonly tools?: readonly unknown[];
}

export interface SealedCredential {
  readonly id: string;
  readonly provider: string;
  readonly sealed: string;
  readonly purpose: string;
}

interface Claimed {
  readonly turn: HeldTurn;
  readonly session: Readonly<Record<string, unknown>> & { readonly id: string };
  readonly agent: TurnAgent | null;
  readonly credential: SealedCredential | null;
}

export interface TurnWorkerOptions {
  /** Of the server: `https://sessions.example`. */
  readonly url: string;
  readonly apiKey?: Credential;
  /** Names this worker in the log. */
  readonly name: string;
  readonly leaseSeconds?: number;
  /** Ids of agents; all, where there are none. */
  readonly agents?: readonly string[];
  /** In place of the platform's own. */
  readonly fetch?: typeof globalThis.fetch;
}

export type TurnHandler = (turn: Turn) => Promise<TurnEnding>;

/** A lease is renewed so many times while it runs. */
const renewals = 3;
const waitSeconds = 20;
const reportEventsMax = 256;

export class Turn {
  readonly session: Claimed['session'];
  readonly agent: TurnAgent | null;
  readonly credential: SealedCredential | null;
  readonly #requests: Requests;
  readonly #stop = new AbortController();
  #held: HeldTurn;
  #isLost = false;
  #isKept = false;
  #renewing: (() => void) | undefined;

  constructor(requests: Requests, claimed: Claimed) {
    this.#requests = requests;
    this.session = claimed.session;
    this.agent = claimed.agent;
    this.credential = claimed.credential;
    this.#held = claimed.turn;
    this.#hear(claimed.turn);
  }

  get id(): string {
    return this.#held.id;
  }

  get held(): HeldTurn {
    return this.#held;
  }

  /** Another has it, or it is over. */
  get isLost(): boolean {
    return this.#isLost;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Writes what was done, once each, and renews the lease; may take what was said meanwhile into the turn. */
  async report(
    events: readonly TurnEvent[],
    { takesInputs = false }: { readonly takesInputs?: boolean } = {},
  ): Promise<HeldTurn> {
    const named = this.#named(events);
    const last = named.splice(-reportEventsMax);
    while (named.length > 0)
      await this.#say('report', { events: named.splice(0, reportEventsMax) });
    return this.#say('report', {
      ...(last.length > 0 && { events: last }),
      ...(takesInputs && { take_inputs: true }),
    });
  }

  /** What the session has, in its order. */
  async *events({ after = 0 }: { readonly after?: number } = {}): AsyncGenerator<ToldTurnEvent> {
    let cursor: string | null = String(after);
    while (cursor !== null) {
      const page: EventPage = await this.#requests.json({
        path: `${this.#path}/events`,
        query: { after: cursor, limit: 1_000 },
        signal: this.signal,
      });
      yield* page.data;
      cursor = page.next_cursor;
    }
  }

  /** What an event says that was too large to be listed whole. */
  async content({ id }: { readonly id: string }): Promise<string> {
    const asked = { path: `${this.#path}/events/${encodeURIComponent(id)}/content` };
    return (await this.#requests.send(asked, this.signal)).text();
  }

  async complete({ outcome, events = [], error }: TurnEnding): Promise<void> {
    const named = this.#named(events);
    const last = named.splice(-reportEventsMax);
    if (named.length > 0) await this.report(named);
    await this.#say('complete', { outcome, events: last, ...(error && { error }) });
  }

  /** Renews the lease until it is ended. */
  keep(): () => void {
    const everyMs = (1_000 * this.#held.lease_seconds) / renewals;
    const renew = (): void => {
      if (!this.#isKept) return;
      this.#renewing = this.#requests.platform.after(everyMs, () => {
        this.#say('report', {}).then(renew, (cause: unknown) => {
          if (!isProblem(cause, 'turn-lost')) renew();
        });
      });
    };
    this.#isKept = true;
    renew();
    return () => this.#letGo();
  }

  #letGo(): void {
    this.#isKept = false;
    this.#renewing?.();
  }

  /** The turn goes on elsewhere, or not at all. */
  abandon(reason: unknown): void {
    this.#letGo();
    this.#stop.abort(reason);
  }

  get #path(): string {
    return `/v3/sessions/${encodeURIComponent(this.session.id)}`;
  }

  #named(events: readonly TurnEvent[]): TurnEvent[] {
    const { platform } = this.#requests;
    return events.map((event) => {
      const isNamed = event.id !== undefined || event.type === 'tool.call';
      return isNamed ? event : { ...event, id: `evt_${platform.newId()}` };
    });
  }

  async #say(what: 'report' | 'complete', said: object): Promise<HeldTurn> {
    const { id, generation } = this.#held;
    const path = `${this.#path}/turns/${id}/${what}`;
    try {
      const body = { generation, ...said };
      const held = await this.#requests.json<HeldTurn>({ method: 'POST', path, body });
      this.#hear({ ...this.#held, ...held });
      return this.#held;
    } catch (cause) {
      if (isProblem(cause, 'turn-lost')) {
        this.#isLost = true;
        this.abandon(cause);
      }
      throw cause;
    }
  }

  #hear(held: HeldTurn): void {
    this.#held = held;
    const isOver = held.is_over || held.cancel_requested;
    if (isOver && !this.signal.aborted) this.#stop.abort(new Error('the turn is over'));
  }
}

interface EventPage {
  readonly data: readonly ToldTurnEvent[];
  readonly next_cursor: string | null;
}

export class TurnWorker {
  readonly #requests: Requests;
  readonly #options: TurnWorkerOptions;

  constructor(options: TurnWorkerOptions) {
    const { url, apiKey, fetch } = options;
    const platform = { ...ownPlatform, ...(fetch && { fetch }) };
    const settings = { url, apiKey, attemptsMax: 12, timeoutMs: 30_000 };
    this.#requests = new Requests(platform, settings);
    this.#options = options;
  }

  /** Runs turns, so many at once, until the signal fires. What a handler throws ends its turn with `error`. */
  async run(
    handle: TurnHandler,
    { signal, turnsMax = 1 }: { readonly signal: AbortSignal; readonly turnsMax?: number },
  ): Promise<void> {
    await Promise.all(Array.from({ length: turnsMax }, () => this.#runOne(handle, signal)));
  }

  async #runOne(handle: TurnHandler, signal: AbortSignal): Promise<void> {
    for (let losses = 0; !signal.aborted; ) {
      try {
        const claimed = await this.#claim(signal);
        losses = 0;
        if (claimed !== undefined)
          await this.#turn(new Turn(this.#requests, claimed), handle, signal);
      } catch (cause) {
        if (signal.aborted) return;
        if (!isProblem(cause) || cause.retry === 'never') throw cause;
        losses += 1;
        await pause(this.#requests.platform, jitterMs(this.#requests.platform, losses), signal);
      }
    }
  }

  async #claim(signal: AbortSignal): Promise<Claimed | undefined> {
    const { name, leaseSeconds, agents } = this.#options;
    const body = {
      worker: name,
      ...(leaseSeconds !== undefined && { lease_seconds: leaseSeconds }),
      ...(agents !== undefined && { agents }),
    };
    // Asked once: what a claim was answered with that did not come through is left to its lease.
    const asked = {
      method: 'POST',
      path: '/v3/turns/claim',
      body,
      signal,
      attemptsMax: 1,
    } as const;
    const claimed = await this.#requests.json<Claimed | undefined>(asked);
    if (claimed !== undefined) return claimed;
    const query = { wait_seconds: waitSeconds, ...(agents && { agent: agents }) };
    await this.#requests.json({ path: '/v3/turns', query, signal });
    return undefined;
  }

  async #turn(turn: Turn, handle: TurnHandler, signal: AbortSignal): Promise<void> {
    const release = turn.keep();
    const stop = (): void => turn.abandon(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      const ending = await this.#endingOf(turn, handle);
      const isElsewhere = turn.isLost || turn.held.is_over || signal.aborted;
      if (!isElsewhere)
        await turn.complete(turn.held.cancel_requested ? canceledBy(ending) : ending);
    } catch (cause) {
      if (!isProblem(cause, 'turn-lost')) throw cause;
    } finally {
      signal.removeEventListener('abort', stop);
      release();
    }
  }

  async #endingOf(turn: Turn, handle: TurnHandler): Promise<TurnEnding> {
    try {
      return await handle(turn);
    } catch (cause) {
      if (isProblem(cause, 'turn-lost')) throw cause;
      const error = cause instanceof Error ? cause.message : String(cause);
      return { outcome: turn.held.cancel_requested ? 'canceled' : 'error', error };
    }
  }
}

const canceledBy = ({ events = [] }: TurnEnding): TurnEnding => ({ outcome: 'canceled', events });
