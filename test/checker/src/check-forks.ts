// A fork shows what its source had where it left it, and no more.

import type { Evidence, Life } from './life.ts';
import type { Lives } from './lives.ts';
import { earliestOf, isRefused, type Operation, type Operations } from './operations.ts';
import type { Findings } from './violation.ts';

interface Source {
  readonly op: Operation;
  readonly fork: NonNullable<Operation['call']['fork']>;
}

export class ForkCheck {
  readonly #operations: Operations;
  readonly #lives: Lives;
  readonly #findings: Findings;

  constructor(operations: Operations, lives: Lives, findings: Findings) {
    this.#operations = operations;
    this.#lives = lives;
    this.#findings = findings;
  }

  run(): void {
    for (const lives of this.#lives.bySession.values()) {
      for (const life of lives) this.#check(life);
    }
  }

  #check(life: Life): void {
    const foreignEnd = this.#foreignEnd(life);
    if (foreignEnd === undefined) return;
    const { isOriginKnown, creator } = life;
    const inherited = isOriginKnown ? life.inherited : foreignEnd;
    const asked = creator?.call.fork?.seq;
    if (isOriginKnown && asked !== undefined && asked !== inherited) {
      return this.#differs(life, `left its source at ${inherited} and not at ${asked}`);
    }
    if (foreignEnd === 0 && creator?.call.fork === undefined) return;
    const found = this.#sourcesOf(life).flatMap((source) =>
      (this.#lives.bySession.get(source.fork.source) ?? []).flatMap((parent) =>
        fits({ life, inherited, source, parent }) ? [{ parent, source }] : [],
      ),
    );
    if (found.length === 0 && foreignEnd > 0 && !this.#mayBeUnseen(life, foreignEnd)) {
      return this.#differs(life, `its first ${foreignEnd} events are not its source's`);
    }
    const [only] = found;
    if (only === undefined || found.length > 1 || !this.#isCertain(life, only, inherited)) return;
    this.#learn(only.parent, life.slots.slice(0, inherited));
    if (isOriginKnown) this.#atTail(life, only);
  }

  /** Where the source may have had lives that nobody saw, an event that both show decides. */
  #isCertain(life: Life, { parent }: { parent: Life }, inherited: number): boolean {
    if (!this.#hasUnseen(parent.session)) return true;
    const shared = life.slots.slice(0, inherited);
    return shared.some((slot, seq) => slot !== undefined && parent.slots[seq]?.name === slot.name);
  }

  #hasUnseen(source: string): boolean {
    return (this.#operations.bySession.get(source) ?? []).some(({ call, answer }) => {
      const isKnown = answer?.outcome === 'refused' || answer?.life !== undefined;
      return call.type === 'create' && !isKnown;
    });
  }

  /** What a fork shows of its source is there, whether anybody read it there or not. */
  #learn(parent: Life, slots: Life['slots']): void {
    for (const [seq, slot] of slots.entries()) {
      if (slot === undefined || slot.name.startsWith('cut:')) continue;
      while (parent.slots.length <= seq) parent.slots.push(undefined);
      parent.slots[seq] ??= slot;
      if (!parent.seqOf.has(slot.name)) parent.seqOf.set(slot.name, seq);
    }
    parent.end = Math.max(parent.end, slots.length);
  }

  /** Behind the last event that is known to be its source's; undefined where one is out of place. */
  #foreignEnd(life: Life): number | undefined {
    let foreignEnd = 0;
    let hasOwn = false;
    for (const [seq, slot] of life.slots.entries()) {
      if (slot === undefined) continue;
      const writer = this.#operations.written.get(slot.name);
      const isCut = slot.name.startsWith('cut:');
      if (writer?.session === life.session) hasOwn = true;
      if (!isCut && (writer === undefined || writer.session === life.session)) continue;
      if (hasOwn || (life.isOriginKnown && seq >= life.inherited)) {
        this.#differs(life, `has ${slot.name} of another session at seq ${seq}`, slot.op);
        return undefined;
      }
      foreignEnd = seq + 1;
    }
    return foreignEnd;
  }

  /** The creates that may have made it. */
  #sourcesOf(life: Life): Source[] {
    const { creator } = life;
    const ops = creator === undefined ? this.#operations.bySession.get(life.session) : [creator];
    return (ops ?? []).flatMap((op) => {
      const { call, answer } = op;
      const isPossible =
        call.type === 'create' && !isRefused(op) && (answer?.isNew !== false || op === creator);
      return isPossible && call.fork !== undefined ? [{ op, fork: call.fork }] : [];
    });
  }

  /** A life of the source of which nobody saw anything but its forks. */
  #mayBeUnseen(life: Life, foreignEnd: number): boolean {
    const { bySession, written } = this.#operations;
    const ancestors = new Set(this.#sourcesOf(life).map(({ fork }) => fork.source));
    if (![...ancestors].some((source) => this.#hasUnseen(source))) return false;
    for (const source of ancestors) {
      for (const { call } of bySession.get(source) ?? []) {
        if (call.fork !== undefined) ancestors.add(call.fork.source);
      }
    }
    return life.slots.slice(0, foreignEnd).every((slot) => {
      if (slot === undefined || slot.name.startsWith('cut:')) return true;
      return ancestors.has(written.get(slot.name)?.session ?? '');
    });
  }

  /** A fork at the tail vouches for where the tail was. */
  #atTail(life: Life, { parent, source }: { parent: Life; source: Source }): void {
    const { seq, isInside } = source.fork;
    if (source.op !== life.creator || seq !== undefined || isInside === true) return;
    const evidence: Evidence = {
      op: source.op,
      from: earliestOf(this.#operations, source.op, parent.session),
      to: source.op.ended,
      tail: life.inherited,
      closed: undefined,
      isExact: true,
      role: 'read',
    };
    parent.evidence.push(evidence);
  }

  #differs(life: Life, message: string, op = life.creator): void {
    const ops = op === undefined ? [] : [op.call.op];
    this.#findings.add('fork-differs', life.session, { message, ops });
  }
}

/** Whether every inherited event that is known is the source's, at the same seq. */
function fits({
  life,
  inherited,
  source: { fork },
  parent,
}: {
  readonly life: Life;
  readonly inherited: number;
  readonly source: Source;
  readonly parent: Life;
}): boolean {
  if (fork.seq !== undefined && inherited > fork.seq) return false;
  for (let seq = 0; seq < inherited; seq += 1) {
    const mine = life.slots[seq];
    const theirs = parent.slots[seq];
    if (mine === undefined || theirs === undefined || mine.name === theirs.name) continue;
    const isLast = seq === inherited - 1;
    if (!isLast || !isCutOf(mine.name, theirs.name)) return false;
  }
  return true;
}

/** `cut:` and the bytes of an event that a fork left behind in its middle; padding aside. */
function isCutOf(cut: string, name: string): boolean {
  if (!cut.startsWith('cut:')) return false;
  const text = cut.slice(4);
  // Its source may show a piece itself: then it is one of that.
  if (name.startsWith('cut:')) return name.slice(4).startsWith(text);
  const whole = `<${name}:`;
  return whole.startsWith(text) || text.startsWith(whole);
}
