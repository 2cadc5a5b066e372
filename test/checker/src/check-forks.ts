// A fork shows what its source had where it left it, and no more.

import type { Evidence, Life } from './life.ts';
import type { Lives } from './lives.ts';
import { isRefused, type Operation, type Operations } from './operations.ts';
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
    if (this.#hasForeignBehindOwn(life)) return;
    const { inherited, creator } = life;
    if (inherited === 0 && creator?.call.fork === undefined) return;
    const sources = this.#sourcesOf(life);
    const found = sources.flatMap((source) =>
      (this.#lives.bySession.get(source.fork.source) ?? []).flatMap((parent) =>
        fits(life, source, parent) ? [{ parent, source }] : [],
      ),
    );
    if (found.length === 0) {
      if (inherited === 0 && creator?.call.fork?.seq === undefined) return;
      const isShort = life.slots.slice(0, inherited).every((slot) => slot === undefined);
      if (isShort && this.#seqsFit(life, sources)) return;
      this.#differs(life, `its first ${inherited} events are not its source's`);
      return;
    }
    const [only] = found;
    if (only !== undefined && found.length === 1 && only.source.fork.seq === undefined) {
      this.#atTail(life, only);
    }
  }

  #seqsFit(life: Life, sources: readonly Source[]): boolean {
    return sources.some(({ fork }) => fork.seq === undefined || fork.seq === life.inherited);
  }

  #hasForeignBehindOwn(life: Life): boolean {
    for (let seq = life.inherited; seq < life.slots.length; seq += 1) {
      const slot = life.slots[seq];
      if (slot === undefined) continue;
      const writer = this.#operations.written.get(slot.name);
      const isOwn = writer === undefined || writer.session === life.session;
      if (isOwn && !slot.name.startsWith('cut:')) continue;
      this.#differs(life, `has ${slot.name} of another session at seq ${seq}`, slot.op);
      return true;
    }
    return false;
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

  /** A fork at the tail vouches for where the tail was. */
  #atTail(life: Life, { parent, source }: { parent: Life; source: Source }): void {
    if (source.op !== life.creator) return;
    const evidence: Evidence = {
      op: source.op,
      from: source.op.began,
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
function fits(life: Life, { fork }: Source, parent: Life): boolean {
  if (fork.seq !== undefined && fork.seq !== life.inherited && life.end > life.inherited) {
    return false;
  }
  if (fork.seq !== undefined && life.inherited > fork.seq) return false;
  if (life.inherited > parent.end) return false;
  for (let seq = 0; seq < life.inherited; seq += 1) {
    const mine = life.slots[seq];
    const theirs = parent.slots[seq];
    if (mine === undefined || theirs === undefined || mine.name === theirs.name) continue;
    const isLast = seq === life.inherited - 1;
    if (!isLast || !isCutOf(mine.name, theirs.name)) return false;
  }
  return true;
}

/** `cut:` and the bytes of an event that a fork left behind in its middle; padding aside. */
function isCutOf(cut: string, name: string): boolean {
  if (!cut.startsWith('cut:')) return false;
  const text = cut.slice(4);
  const whole = `<${name}:`;
  return whole.startsWith(text) || text.startsWith(whole);
}
