// All lives of one session, one behind the other, as a chain of steps: create, events, close, death,
// create, ... Each step happened at one moment. Whoever wrote it had begun before that moment and
// had not been answered yet; whoever saw it was answered behind it; whoever vouched that it was not
// there had begun before it. Moments only grow along the chain. So
//
//   earliest(step) = max of what pushes it or any step before it
//   latest(step)   = min of what holds it or any step behind it
//
// and the history is linearizable if and only if earliest <= latest for every step: each step may
// then happen at its earliest moment. Two passes, linear in steps and evidence.

import type { Evidence, Life } from './life.ts';
import type { Operation, Operations } from './operations.ts';
import type { Check, Findings } from './violation.ts';

interface Bound {
  readonly at: number;
  readonly op: Operation | undefined;
  readonly role: 'read' | 'write';
}

export interface Step {
  readonly kind: 'create' | 'event' | 'close' | 'death';
  readonly life: Life;
  readonly seq: number;
  earliest: Bound;
  latest: Bound;
}

const always: Bound = { at: Number.NEGATIVE_INFINITY, op: undefined, role: 'write' };
const never: Bound = { at: Number.POSITIVE_INFINITY, op: undefined, role: 'write' };

export class Chain {
  readonly session: string;
  /** In the order in which they were lived. */
  readonly lives: readonly Life[];
  readonly steps: Step[] = [];
  readonly #firstStep = new Map<Life, number>();
  readonly #operations: Operations;
  readonly #deletes: readonly Operation[];
  /** Creates that may have made a life which nobody has seen. */
  readonly unseenCreates: readonly Operation[];

  constructor(session: string, lives: readonly Life[], operations: Operations) {
    this.session = session;
    this.#operations = operations;
    const ops = operations.bySession.get(session) ?? [];
    this.#deletes = ops.filter(({ call, answer }) => {
      return call.type === 'delete' && answer?.outcome !== 'refused';
    });
    this.unseenCreates = ops.filter(({ call, answer }) => {
      const isKnown = answer?.outcome === 'ok' && (answer.life !== undefined || !answer.isNew);
      return call.type === 'create' && answer?.outcome !== 'refused' && !isKnown;
    });
    this.lives = this.#inOrder(lives);
    for (const life of this.lives) this.#addSteps(life);
    for (const life of this.lives) for (const said of life.evidence) this.hold(life, said);
    for (const life of this.lives) this.#holdWriters(life);
    this.#spread();
    this.#holdDeaths();
    this.#spread();
  }

  /** Whether the first life may have been over before the other began. */
  mayPrecede(life: Life, other: Life): boolean {
    return this.#hullOf(life).last <= this.#hullOf(other).first;
  }

  /**
   * Lives do not overlap. Where one certainly was before the other, its last sign of life came
   * before the first of the other; sorting by the sum of both respects that, also where signs are
   * thin.
   */
  #inOrder(lives: readonly Life[]): Life[] {
    const keyed = lives.map((life) => {
      const { first, last } = this.#hullOf(life);
      return { life, at: Number.isFinite(first) ? first + last : Number.MAX_VALUE };
    });
    return keyed.sort((one, other) => one.at - other.at).map(({ life }) => life);
  }

  #hullOf(life: Life): Hull {
    const { creator, session } = life;
    let first = creator?.ended ?? Number.POSITIVE_INFINITY;
    let last = this.#begunBy(creator).at;
    for (const { from, to, isExact } of life.evidence) {
      first = Math.min(first, to);
      if (isExact) last = Math.max(last, from);
    }
    for (const slot of life.slots) {
      const writer = slot === undefined ? undefined : this.#operations.written.get(slot.name);
      if (writer?.session !== session) continue;
      last = Math.max(last, firstBegun(writer.attempts).at);
    }
    if (life.closedAt !== undefined) last = Math.max(last, this.#closeBegun(life).at);
    return { first, last };
  }

  #closeBegun({ session }: Life): Bound {
    const ops = this.#operations.bySession.get(session) ?? [];
    return firstBegun(ops.filter(({ call }) => call.close === true));
  }

  /** Before that a life cannot have been created. */
  #begunBy(creator: Operation | undefined): Bound {
    return firstBegun(creator === undefined ? this.unseenCreates : [creator]);
  }

  #addSteps(life: Life): void {
    const add = (kind: Step['kind'], seq: number): void => {
      this.steps.push({ kind, life, seq, earliest: always, latest: never });
    };
    this.#firstStep.set(life, this.steps.length);
    add('create', life.inherited);
    const { end } = life;
    for (let seq = life.inherited; seq < end; seq += 1) add('event', seq);
    add('close', end);
    add('death', end);
  }

  /** The step that the state has behind it. */
  indexOf(life: Life, tail: number, closed: boolean | undefined): number {
    const first = this.firstOf(life);
    if (closed === true) return this.deathOf(life) - 1;
    // Events of which nobody was told may stand behind the last that is known.
    return Math.min(first + Math.max(0, tail - life.inherited), this.deathOf(life) - 2);
  }

  firstOf(life: Life): number {
    return this.#firstStep.get(life) ?? 0;
  }

  deathOf(life: Life): number {
    return this.firstOf(life) + life.end - life.inherited + 2;
  }

  /** The first step that the state has not behind it. */
  #nextOf(life: Life, { tail, closed }: Pick<Evidence, 'tail' | 'closed'>): number {
    const index = this.indexOf(life, tail, closed);
    // Where closed is not told, only a further event is known not to be there.
    const isLast = index === this.deathOf(life) - 2;
    return closed === undefined && isLast ? index + 2 : index + 1;
  }

  hold(life: Life, said: Evidence): void {
    const { tail, closed, isExact, op, role, from, to } = said;
    this.#notLater(this.indexOf(life, tail, closed), { at: to, op, role });
    if (isExact) this.#notEarlier(this.#nextOf(life, said), { at: from, op, role });
  }

  #notLater(index: number, bound: Bound): void {
    const step = this.steps[index] as Step;
    if (bound.at < step.latest.at) step.latest = bound;
  }

  #notEarlier(index: number, bound: Bound): void {
    const step = this.steps[index] as Step;
    if (bound.at > step.earliest.at) step.earliest = bound;
  }

  /** Nothing happens before somebody asked for it. */
  #holdWriters(life: Life): void {
    const { written } = this.#operations;
    for (let seq = life.inherited; seq < life.slots.length; seq += 1) {
      const slot = life.slots[seq];
      const writer = slot === undefined ? undefined : written.get(slot.name);
      if (writer === undefined || writer.session !== life.session) continue;
      const index = this.firstOf(life) + 1 + seq - life.inherited;
      this.#notEarlier(index, firstBegun(writer.attempts));
    }
    const { creator } = life;
    this.#notEarlier(this.firstOf(life), this.#begunBy(creator));
    if (creator !== undefined) {
      this.#notLater(this.firstOf(life), { at: creator.ended, op: creator, role: 'write' });
    }
    if (life.closedAt === undefined) return;
    this.#notEarlier(this.deathOf(life) - 1, this.#closeBegun(life));
  }

  /** A delete that began once a life had begun, and was answered, has ended that life or a later. */
  #holdDeaths(): void {
    const answered = this.#deletes.filter(({ answer }) => answer?.outcome === 'ok');
    answered.sort((one, other) => one.began - other.began);
    const firstEnded: Operation[] = [];
    for (let index = answered.length - 1; index >= 0; index -= 1) {
      const op = answered[index] as Operation;
      const later = firstEnded[index + 1];
      firstEnded[index] = later !== undefined && later.ended < op.ended ? later : op;
    }
    for (const life of this.lives) {
      const { latest } = this.steps[this.firstOf(life)] as Step;
      const index = answered.findIndex(({ began }) => began >= latest.at);
      const op = index === -1 ? undefined : firstEnded[index];
      if (op !== undefined) this.#notLater(this.deathOf(life), { at: op.ended, op, role: 'write' });
    }
  }

  #spread(): void {
    for (let index = 1; index < this.steps.length; index += 1) {
      this.#notEarlier(index, (this.steps[index - 1] as Step).earliest);
    }
    for (let index = this.steps.length - 2; index >= 0; index -= 1) {
      this.#notLater(index, (this.steps[index + 1] as Step).latest);
    }
  }

  /** Whether what was said may be true of this life, by what is certain. */
  allows(life: Life, said: Evidence): boolean {
    const { tail, closed, from, to } = said;
    if (tail < life.inherited) return false;
    if (closed === true && life.closedAt !== tail) return false;
    const behind = this.steps[this.indexOf(life, tail, closed)] as Step;
    const ahead = this.steps[this.#nextOf(life, said)] as Step;
    return behind.earliest.at <= to && ahead.latest.at >= from;
  }

  /** Whether there may have been no such session at some moment in [from, to]. */
  allowsAbsent(from: number, to: number, mayExpire: (life: Life) => boolean): boolean {
    const [first] = this.steps;
    if (first === undefined || first.latest.at >= from) return true;
    for (const [index, life] of this.lives.entries()) {
      const death = this.steps[this.deathOf(life)] as Step;
      const following = this.steps[this.deathOf(life) + 1];
      if (death.earliest.at > to) return false;
      if (following !== undefined && following.latest.at < from) continue;
      const isLast = index === this.lives.length - 1;
      if (!isLast || mayExpire(life) || this.mayHaveDied(life, to)) return true;
    }
    return false;
  }

  /** Whether a delete may have ended this life before a moment. */
  mayHaveDied(life: Life, before: number): boolean {
    const created = (this.steps[this.firstOf(life)] as Step).earliest.at;
    return this.#deletes.some(({ began, ended }) => began <= before && ended >= created);
  }

  report(findings: Findings): void {
    let last: Step | undefined;
    for (const step of this.steps) {
      if (step.earliest.at <= step.latest.at) continue;
      // The steps between two that contradict each other only repeat it.
      if (last?.earliest.op === step.earliest.op && last?.latest.op === step.latest.op) continue;
      last = step;
      const { kind, seq, earliest, latest } = step;
      const ops = [latest.op, earliest.op].flatMap((op) => (op === undefined ? [] : [op.call.op]));
      const message = `${kind} at seq ${seq}: there by ${latest.at}, not before ${earliest.at}`;
      findings.add(nameOf(step), this.session, { message, ops });
    }
  }
}

function nameOf({ kind, earliest, latest, life, seq }: Step): Check {
  if (kind === 'death' || latest.op?.call.type === 'delete') return 'deleted-lives';
  if (kind === 'create' && earliest.role === 'read') return 'deleted-lives';
  if (earliest.role === 'read') {
    if (kind === 'close') return 'closed-opens';
    const slot = life.slots[seq];
    const isOnlyAcknowledged = latest.role === 'write' && slot?.op === latest.op;
    return isOnlyAcknowledged ? 'acknowledged-event-lost' : 'stale-read';
  }
  const isFormer = kind === 'event' && earliest.op?.call.type === 'create';
  if (isFormer && earliest.op !== latest.op) return 'former-self';
  return latest.role === 'write' ? 'real-time-order' : 'visible-before-append';
}

function firstBegun(attempts: readonly Operation[]): Bound {
  let first: Operation | undefined;
  for (const op of attempts) {
    if (op.answer?.outcome === 'refused') continue;
    if (first === undefined || op.began < first.began) first = op;
  }
  return first === undefined ? always : { at: first.began, op: first, role: 'write' };
}

interface Hull {
  /** The life had begun by then. */
  readonly first: number;
  /** The life was not over before. */
  readonly last: number;
}
