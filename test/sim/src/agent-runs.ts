// Sessions whose turns workers run and whose events are delivered: an owner who speaks to each, workers that
// claim, report, stall and come back, and what was seen of all that. Decided by the code that the routes use.

import { runStatusOf } from '@tidemark/agents-api';
import type { OutboundRequest } from '@tidemark/ports';
import type { SeededPrng } from '@tidemark/ports/testing';
import {
  defaultTenant,
  hasCode,
  isProblem,
  jsonContentType,
  type SessionName,
} from '@tidemark/protocol';
import {
  decideCancelTurn,
  decideClaimTurn,
  decideEndTurn,
  decideRedeliver,
  decideReportTurn,
  type FactDecision,
  type GivenEvents,
  type HeldTurn,
  isWaiting,
  liveStream,
  type RunEvent,
  type StreamState,
  yieldReasons,
} from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import { checkRun, type SeenRun, type ToldRunEvent } from './agent-run-checks.ts';
import type { Incarnation } from './incarnation.ts';
import type { World } from './world.ts';

const leaseMs = 1_000;
const actor = { by: 'run', requestId: 'req' };
export const runHooks = 'https://hooks.example.com/runs/';

interface Held {
  readonly session: Seen;
  readonly turn: HeldTurn;
}

class Seen implements SeenRun {
  readonly name: SessionName;
  readonly handed = new Map<number, Set<string>>();
  readonly reported = new Map<number, Set<string>>();
  readonly said = new Set<string>();
  readonly received = new Map<number, Set<string>>();

  constructor(name: string) {
    this.name = name as SessionName;
  }
}

const addTo = <K>(sets: Map<K, Set<string>>, key: K, value: string): void => {
  const known = sets.get(key) ?? new Set();
  sets.set(key, known.add(value));
};

const destination = (name: string) => ({
  id: 'hook',
  url: `${runHooks}${name}`,
  level: 'user',
  includesRaw: false,
  isEnabled: true,
  secrets: [],
});

const messageOf = (text: string): GivenEvents => ({
  events: [bytesOf(`,"type":"user.message","content":[{"type":"text","text":"${text}"}]}`)],
  stamps: [{ id: undefined, processedAt: undefined, namesOutcome: false }],
  types: ['user.message'],
  eventIds: [`msg_${text}`],
});

export class AgentRuns {
  readonly #world: World;
  readonly #sessions: readonly Seen[];

  constructor(world: World) {
    this.#world = world;
    this.#sessions = Array.from({ length: world.plan.runs }, (_, index) => new Seen(`run${index}`));
  }

  async live(): Promise<void> {
    if (this.#sessions.length === 0) return;
    const owners = this.#sessions.map((session) => this.#own(session));
    const workers = [0, 1, 2].map((index) => this.#work(index));
    await Promise.all([...owners, ...workers]);
  }

  /** One delivery as its receiver sees it. */
  receive({ body, headers }: OutboundRequest): void {
    const { sessionId: name, event } = JSON.parse(textOf(body)) as {
      readonly sessionId: string;
      readonly event: { readonly seq: number };
    };
    const session = this.#sessions.find((each) => each.name === name);
    if (session === undefined) throw new Error('a delivery of a session that nobody made');
    addTo(session.received, event.seq - 1, headers['webhook-id'] ?? '');
  }

  #pause(prng: SeededPrng, msMax: number): Promise<void> {
    return this.#world.elapsed(prng.below(msMax));
  }

  async #own(session: Seen): Promise<void> {
    const prng = this.#world.prng.fork(`owner of ${session.name}`);
    const isMade = await this.#surely(prng, (process) => create(process, session.name));
    if (!isMade) return;
    for (let left = 24; left > 0; left -= 1) {
      await this.#pause(prng, 500);
      if (prng.chance(0.08)) await this.#surely(prng, (process) => cancel(process, session.name));
      else await this.#say(prng, session);
    }
  }

  async #say(prng: SeededPrng, session: Seen): Promise<void> {
    const text = `said ${this.#world.unique()}`;
    const isSaid = await this.#surely(prng, async (process) => {
      await process.writes.append(tenantOf(process), session.name, {
        kind: 'append',
        contentType: jsonContentType,
        close: false,
        ...messageOf(text),
      });
    });
    if (isSaid) session.said.add(text);
  }

  /** Again until it is answered with what it did; false where that never comes. */
  async #surely(
    prng: SeededPrng,
    run: (process: Incarnation) => Promise<unknown>,
  ): Promise<boolean> {
    for (let attempts = 0; attempts < 50; attempts += 1) {
      const { isDone } = await this.#ask(prng, run);
      if (isDone) return true;
      await this.#pause(prng, 400);
    }
    return false;
  }

  async #ask<T>(
    prng: SeededPrng,
    run: (process: Incarnation) => Promise<T>,
  ): Promise<{ readonly isDone: boolean; readonly answer?: T; readonly isLost?: boolean }> {
    const ready = this.#world.incarnations.filter(({ isReady }) => isReady);
    const process = ready[prng.below(Math.max(1, ready.length))];
    if (process === undefined) return { isDone: false };
    const work = run(process).then(
      (answer) => ({ isDone: true, answer }),
      (cause: unknown) => {
        if (!isProblem(cause)) throw cause;
        return { isDone: false, isLost: hasCode(cause, 'turn-lost') };
      },
    );
    return Promise.race([work, process.gate.crashed.then(() => ({ isDone: false }))]);
  }

  async #work(index: number): Promise<void> {
    const prng = this.#world.prng.fork(`turns of worker ${index}`);
    const worker = `worker ${index}`;
    let held: Held | undefined;
    for (let left = 90; left > 0; left -= 1) {
      await this.#pause(prng, 120);
      if (held === undefined) held = await this.#claim(prng, worker);
      else if (prng.chance(0.1)) await this.#pause(prng, 3 * leaseMs);
      else held = await this.#go(prng, worker, held);
    }
  }

  async #claim(prng: SeededPrng, worker: string): Promise<Held | undefined> {
    const session = this.#sessions[prng.below(this.#sessions.length)] as Seen;
    const turn = `turn_${this.#world.unique()}`;
    const decide = decideClaimTurn({ turn, worker, leaseMs }, actor);
    const { answer } = await this.#ask(prng, (process) => submit(process, session.name, decide));
    return answer === undefined ? undefined : taken(session, answer as HeldTurn, worker);
  }

  async #go(prng: SeededPrng, worker: string, held: Held): Promise<Held | undefined> {
    const { session, turn } = held;
    const events = this.#events(prng);
    const isEnd = prng.chance(0.2);
    const reason = yieldReasons[prng.below(3)] ?? 'completed';
    const decide = isEnd
      ? decideEndTurn(turn, { reason, events }, actor)
      : decideReportTurn(turn, { events, takesInputs: prng.chance(0.3) }, actor);
    const { isDone, isLost } = await this.#ask(prng, (process) =>
      submit(process, session.name, decide),
    );
    if (isDone && !isEnd) addTo(session.reported, turn.generation, worker);
    // Whoever lost its turn may come back with it all the same.
    const isOver = (isDone && isEnd) || (isLost === true && prng.chance(0.6));
    return isOver ? undefined : held;
  }

  #events(prng: SeededPrng): readonly RunEvent[] {
    const id = `event_${this.#world.unique()}`;
    const call = `call_${this.#world.unique()}`;
    const message = { id, type: 'agent.message', content: [], level: 'user' };
    const calls: RunEvent[] = [{ id: call, type: 'agent.tool_use', level: 'progress' }];
    if (prng.chance(0.6)) {
      calls.push({ type: 'agent.tool_result', tool_use_id: call, level: 'progress' });
    }
    return [...(prng.chance(0.5) ? [message] : []), ...(prng.chance(0.4) ? calls : [])];
  }

  /** Behind all faults: what waits is run and delivered, and then everything has to be as it was said. */
  async finish(process: Incarnation): Promise<void> {
    const { clock, broken } = this.#world;
    for (const session of this.#sessions) await this.#runOut(process, session);
    await clock.advance(60_000);
    for (const session of this.#sessions) {
      const seen = await this.#settled(read(process, session.name));
      if (seen === undefined) continue;
      broken.push(...checkRun(session, seen));
    }
  }

  async #runOut(process: Incarnation, session: Seen): Promise<void> {
    for (let left = 70; left > 0; left -= 1) {
      const turn = `turn_${this.#world.unique()}`;
      const claim = decideClaimTurn({ turn, worker: 'final', leaseMs }, actor);
      const held = (await this.#settled(submit(process, session.name, claim))) as
        | HeldTurn
        | undefined;
      if (held === undefined) break;
      taken(session, held, 'final');
      const end = decideEndTurn(held, { reason: 'completed', events: [] }, actor);
      await this.#settled(submit(process, session.name, end));
    }
    const again = decideRedeliver('hook', ({ entries }) => entries.filter(isWaiting), actor);
    await this.#settled(submit(process, session.name, again));
  }

  /** Undefined where the session was never made, or nothing is answered. */
  #settled<T>(work: Promise<T>): Promise<T | undefined> {
    const answered = work.catch((cause: unknown) => {
      if (!isProblem(cause)) throw cause;
      if (!hasCode(cause, 'session-not-found')) this.#world.broken.push(`a run: ${cause.message}`);
      return undefined;
    });
    return this.#world.clock.runUntil(
      Promise.race([answered, this.#world.elapsed(60_000).then(() => undefined)]),
    );
  }
}

function taken(session: Seen, turn: HeldTurn, worker: string): Held {
  addTo(session.handed, turn.generation, worker);
  return { session, turn };
}

function tenantOf({ tenants }: Incarnation): Incarnation['tenants'][number] {
  const tenant = tenants.find(({ id }) => id === defaultTenant);
  if (tenant === undefined) throw new Error('a process that is asked has its tenants');
  return tenant;
}

async function create(process: Incarnation, name: SessionName): Promise<void> {
  await process.writes.create(tenantOf(process), name, {
    contentType: jsonContentType,
    ttlMs: undefined,
    expiresAtMs: undefined,
    isClosed: false,
    fork: undefined,
    events: [],
    profile: { run: { limits: {}, metadata: null, requestHash: name } },
    facts: [{ type: 'destination-put', destination: destination(name), afterSeq: 0, ...actor }],
  });
}

const cancel = (process: Incarnation, name: SessionName): Promise<unknown> =>
  submit(process, name, decideCancelTurn(actor));

async function submit(
  process: Incarnation,
  name: SessionName,
  decide: FactDecision,
): Promise<unknown> {
  const reply = await process.writes.submit(tenantOf(process), name, { kind: 'fact', decide });
  return reply.kind === 'answer' ? reply.answer : undefined;
}

/** All events, and the state behind them. */
async function read(
  process: Incarnation,
  name: SessionName,
): Promise<{
  readonly events: readonly ToldRunEvent[];
  readonly stream: StreamState;
  readonly status: string;
}> {
  const { replica, key } = process.shards.locate(tenantOf(process), name);
  await replica.readIndex();
  return replica.with(key, async (session) => {
    const stream = liveStream(session.state);
    if (isProblem(stream)) throw stream;
    const events: ToldRunEvent[] = [];
    while (events.length < stream.tailSeq) {
      const bounds = { position: events.length, bytesMax: Infinity, eventsMax: Infinity };
      const range = await process.shards.reader.read({ replica, session }, bounds);
      events.push(...range.split().map((body) => JSON.parse(textOf(body)) as ToldRunEvent));
    }
    return { events, stream, status: runStatusOf(stream) };
  });
}
