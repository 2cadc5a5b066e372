import type { Seen } from './history.ts';
import { type Evidence, Life } from './life.ts';
import { earliestOf, isOk, type Operation, type Operations } from './operations.ts';
import type { Findings } from './violation.ts';

/** Refusals that say that there is no such session. */
export const absentCodes: ReadonlySet<string> = new Set(['session-not-found', 'session-gone']);

export interface Lives {
  readonly bySession: ReadonlyMap<string, readonly Life[]>;
  /** Evidence whose client could not know the life. */
  readonly loose: ReadonlyMap<string, readonly Evidence[]>;
}

/** Events that an answer says are there, without saying where. */
interface Promised {
  readonly life: Life;
  readonly op: Operation;
}

/** Puts together what all answers say of each life of each session. */
export class LivesBuilder {
  readonly #operations: Operations;
  readonly #findings: Findings;
  readonly #lives = new Map<string, Map<string, Life>>();
  readonly #loose = new Map<string, Evidence[]>();
  readonly #promised: Promised[] = [];

  constructor(operations: Operations, findings: Findings) {
    this.#operations = operations;
    this.#findings = findings;
  }

  build(): Lives {
    const { all } = this.#operations;
    // What was read decides; an acknowledgement is then held against it.
    for (const op of all) if (isReading(op)) this.#reading(op);
    for (const op of all) if (!isReading(op) && isOk(op)) this.#writing(op);
    for (const op of all) this.#refusal(op);
    for (const life of this.#all()) this.#settle(life);
    for (const promised of this.#promised) this.#checkPromise(promised);
    const bySession = new Map(
      [...this.#lives].map(([session, lives]) => [session, [...lives.values()]]),
    );
    return { bySession, loose: this.#loose };
  }

  *#all(): Iterable<Life> {
    for (const lives of this.#lives.values()) yield* lives.values();
  }

  #life(session: string, id: string): Life {
    let lives = this.#lives.get(session);
    if (lives === undefined) this.#lives.set(session, (lives = new Map()));
    let life = lives.get(id);
    if (life === undefined) lives.set(id, (life = new Life(session, id)));
    return life;
  }

  #evidence(op: Operation, id: string | undefined, said: Said): void {
    const from = said.from ?? earliestOf(this.#operations, op);
    const evidence = { role: 'read', ...said, op, from, to: said.to ?? op.ended } as const;
    const { session } = op.call;
    if (id !== undefined) this.#life(session, id).evidence.push(evidence);
    else {
      const loose = this.#loose.get(session);
      if (loose === undefined) this.#loose.set(session, [evidence]);
      else loose.push(evidence);
    }
  }

  #reading(op: Operation): void {
    const { answer } = op;
    this.#follow(op);
    if (answer?.outcome !== 'ok') return;
    const { life: id, first, end, events, closed, tail, upToDate, idleFrom } = answer;
    if (events !== undefined && first !== undefined) {
      if (end !== undefined && end !== first + events.length) {
        this.#dense(op, `read ${events.length} events from ${first} to ${end}`);
      }
      this.#claimAll(op, id, { first, events });
      const exact = upToDate === true;
      const evidence = { tail: first + events.length, closed, isExact: exact };
      // Closed is told at the end only: what lies before it says nothing of it.
      this.#evidence(op, id, exact ? { ...evidence, closed: closed ?? false } : evidence);
    } else if (tail !== undefined) {
      const evidence = { tail, closed: closed ?? false, isExact: true };
      this.#evidence(op, id, idleFrom === undefined ? evidence : { ...evidence, from: idleFrom });
    }
  }

  #follow(op: Operation): void {
    let next: number | undefined;
    let last: Seen | undefined;
    for (const seen of op.seen) {
      if (next !== undefined && seen.first !== next) {
        const message = `a follower was given seq ${seen.first} where ${next} came next`;
        this.#findings.add('follower-skips', op.call.session, { message, ops: [op.call.op] });
      }
      if (last?.life !== undefined && seen.life !== last.life) {
        const message = 'a follower was led into another life of the session';
        this.#findings.add('former-self', op.call.session, { message, ops: [op.call.op] });
      }
      this.#claimAll(op, seen.life, seen);
      next = seen.first + seen.events.length;
      const said = { tail: next, closed: seen.closed, isExact: false, to: seen.at };
      this.#evidence(op, seen.life, said);
      last = seen;
    }
  }

  #claimAll(
    op: Operation,
    id: string | undefined,
    { first, events }: { readonly first: number; readonly events: readonly string[] },
  ): void {
    if (id === undefined) return;
    const life = this.#life(op.call.session, id);
    for (const [index, name] of events.entries()) this.#claim(life, first + index, { name, op });
  }

  #claim(life: Life, seq: number, { name, op }: { name: string; op: Operation }): void {
    const { session } = life;
    const there = life.slots[seq];
    if (there !== undefined && there.name !== name) {
      const ops = [there.op.call.op, op.call.op];
      const isAck = !isReading(op) && !life.seqOf.has(name);
      const message = `seq ${seq} is ${there.name} for one and ${name} for another`;
      this.#findings.add(isAck ? 'acknowledged-event-lost' : 'orders-differ', session, {
        message,
        ops,
      });
      return;
    }
    if (there !== undefined) return;
    const before = life.seqOf.get(name);
    if (before !== undefined && !name.startsWith('cut:')) {
      const message = `${name} stands at seq ${before} and at seq ${seq}`;
      this.#findings.add('event-twice', session, { message, ops: [op.call.op] });
    }
    while (life.slots.length <= seq) life.slots.push(undefined);
    life.slots[seq] = { name, op };
    life.seqOf.set(name, seq);
  }

  #writing(op: Operation): void {
    const { call, answer } = op;
    if (answer === undefined || call.type === 'delete') return;
    if (call.type === 'create') this.#created(op);
    else if (call.type === 'append') this.#appended(op);
  }

  #created(op: Operation): void {
    const { call, answer } = op;
    const { life: id, isNew, first, tail, closed } = answer ?? {};
    if (isNew !== true) {
      if (tail !== undefined) {
        this.#evidence(op, id, { tail, closed: closed ?? false, isExact: true });
      }
      return;
    }
    if (id === undefined) return;
    const life = this.#life(call.session, id);
    if (life.creator !== undefined) {
      const message = 'one life was created twice';
      this.#findings.add('conflicting-conditions', call.session, {
        message,
        ops: [life.creator.call.op, call.op],
      });
    }
    life.creator = op;
    if (first === undefined) return;
    const events = call.events ?? [];
    this.#claimAll(op, id, { first, events });
    const end = first + events.length;
    this.#evidence(op, id, this.#written(op, end, call.close === true));
  }

  #written(op: Operation, tail: number, closed: boolean): Said {
    return { tail, closed, isExact: true, role: 'write', from: op.began };
  }

  #appended(op: Operation): void {
    const { call, answer } = op;
    const { life: id, isNew, first, end, tail, closed } = answer ?? {};
    const events = call.events ?? [];
    if (tail !== undefined) {
      this.#evidence(op, id, { tail, closed: closed ?? false, isExact: true });
    }
    // A producer's sequence may have been another's request, which did not close.
    if (call.close === true && closed === false && call.producer === undefined) {
      const message = 'a close was acknowledged, and it is open';
      this.#findings.add('closed-opens', call.session, { message, ops: [call.op] });
    }
    const count = first === undefined || end === undefined ? undefined : end - first;
    if (isNew === true && first !== undefined && end !== undefined) {
      const isPartly = call.isRepeatable === true && end - first < events.length;
      if (count !== events.length && !isPartly) {
        this.#dense(op, `acknowledged ${events.length} events as [${first}, ${end})`);
        return;
      }
      this.#evidence(op, id, this.#written(op, first, false));
      this.#evidence(op, id, this.#written(op, end, closed === true));
    } else if (end !== undefined) {
      this.#evidence(op, id, { tail: end, closed: undefined, isExact: false });
    }
    if (count === events.length && first !== undefined && count > 0) {
      this.#claimAll(op, id, { first, events });
    } else if (id !== undefined && events.length > 0) {
      this.#promised.push({ life: this.#life(call.session, id), op });
    }
  }

  /** Refusals that tell the state they were given from. */
  #refusal(op: Operation): void {
    const { answer } = op;
    if (answer?.outcome !== 'refused') return;
    const { code, life, tail } = answer;
    if (code === 'seq-conflict' && tail !== undefined) {
      this.#evidence(op, life, { tail, closed: false, isExact: true });
      if (tail === op.call.matchSeq) this.#untrue(op, `the tail is ${tail}, as was asked for`);
    }
    if (code === 'session-closed' && tail !== undefined) {
      this.#evidence(op, life, { tail, closed: true, isExact: true });
    }
  }

  #untrue(op: Operation, message: string): void {
    this.#findings.add('refusal-untrue', op.call.session, { message, ops: [op.call.op] });
  }

  #dense(op: Operation, message: string): void {
    this.#findings.add('seqs-not-dense', op.call.session, { message, ops: [op.call.op] });
  }

  /** Where its own events begin, and where it was closed. */
  #settle(life: Life): void {
    this.#findOrigin(life);
    life.end = Math.max(life.slots.length, life.inherited);
    let closer: Evidence | undefined;
    for (const evidence of life.evidence) {
      life.end = Math.max(life.end, evidence.tail);
      if (evidence.closed !== true) continue;
      if (closer !== undefined && closer.tail !== evidence.tail) {
        this.#opened(life, [closer.op, evidence.op], 'closed at two places');
      }
      closer ??= evidence;
    }
    life.closedAt = closer?.tail;
    if (closer !== undefined && life.end > closer.tail) {
      this.#opened(life, [closer.op], `closed at seq ${closer.tail}, and has ${life.end} events`);
    }
  }

  #findOrigin(life: Life): void {
    const { written, bySession } = this.#operations;
    const { creator, slots } = life;
    const creates = creator === undefined ? (bySession.get(life.session) ?? []) : [creator];
    const mayFork = creates.some(({ call, answer }) => {
      return call.fork !== undefined && answer?.outcome !== 'refused';
    });
    if (!mayFork) return;
    const first = creator?.answer?.first;
    if (first !== undefined) {
      life.inherited = first;
      return;
    }
    const isOwn = (name: string): boolean => written.get(name)?.session === life.session;
    const firstOwn = slots.findIndex((slot) => slot === undefined || isOwn(slot.name));
    life.isOriginKnown = firstOwn !== -1 && slots[firstOwn] !== undefined;
    if (life.isOriginKnown) life.inherited = firstOwn;
  }

  #opened(life: Life, ops: readonly Operation[], message: string): void {
    const named = ops.map(({ call }) => call.op);
    this.#findings.add('closed-opens', life.session, { message, ops: named });
  }

  #checkPromise({ life, op }: Promised): void {
    const end = op.answer?.tail ?? op.answer?.end ?? 0;
    if (!life.isKnownTo(end)) return;
    for (const name of op.call.events ?? []) {
      if (life.seqOf.has(name)) continue;
      const message = `${name} was acknowledged as a repetition and is not there`;
      const what = { message, ops: [op.call.op] };
      this.#findings.add('acknowledged-event-lost', life.session, what);
    }
  }
}

type Said = Pick<Evidence, 'tail' | 'closed' | 'isExact'> &
  Partial<Pick<Evidence, 'from' | 'to' | 'role'>>;

export const isReading = ({ call }: Operation): boolean =>
  call.type === 'read' || call.type === 'head' || call.type === 'follow';
