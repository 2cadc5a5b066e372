// How bugs get into production code that does not know of them: methods of exported classes are
// replaced for a while, and put back.

import { isProblem, Problem } from '@tidemark/protocol';
import { ShardFold } from '@tidemark/replica';
import { EventIndex, Flight } from '@tidemark/replica/testing';
import { recordsIn, type SessionRecord } from '@tidemark/session';

export type Undo = () => void;

/** Replaces a method by what `change` makes of it. */
export function replace<T extends object, K extends keyof T>(
  target: T,
  name: K,
  change: (original: T[K]) => T[K],
): Undo {
  const original = target[name];
  target[name] = change(original);
  return () => {
    target[name] = original;
  };
}

/** Replaces a getter. */
export function replaceGetter<T extends object, K extends keyof T>(
  target: T,
  name: K,
  get: (this: T) => T[K],
): Undo {
  const known = Object.getOwnPropertyDescriptor(target, name) as PropertyDescriptor;
  Object.defineProperty(target, name, { get, configurable: true });
  return () => void Object.defineProperty(target, name, known);
}

export const both =
  (...undos: readonly Undo[]): Undo =>
  () => {
    for (const undo of undos) undo();
  };

type Folded = Parameters<ShardFold['fold']>[0];

/** Shows every record to `change` before it is folded, wherever it comes from. */
export function changeFold(
  change: (record: SessionRecord, session: Folded, fold: ShardFold) => SessionRecord,
  after: (record: SessionRecord, session: Folded) => void = () => undefined,
): Undo {
  return replace(
    ShardFold.prototype,
    'fold',
    (original) =>
      function fold(this: ShardFold, session, record, offset): boolean {
        if (record.kind === 'run') {
          const verdicts = [...recordsIn([record])].map((each, index) =>
            fold.call(this, session, each, offset + index),
          );
          return verdicts.every((isValid) => isValid);
        }
        const isValid = original.call(this, session, change(record, session, this), offset);
        if (isValid) after(record, session);
        return isValid;
      },
  );
}

type Appended = Parameters<EventIndex['append']>;

/** Shows what is taken into an index of events to `change` first. */
export const changeAppended = (change: (...appended: Appended) => Appended): Undo =>
  replace(
    EventIndex.prototype,
    'append',
    (original) =>
      function append(this: EventIndex, ...appended) {
        original.apply(this, change(...appended));
      },
  );

/** A number in [0, 1) that a text stands for: the same bug for everybody, at the same place. */
export function shareOf(text: string): number {
  let hash = 2_166_136_261;
  for (const letter of text) hash = Math.imul(hash ^ letter.charCodeAt(0), 16_777_619) >>> 0;
  return hash / 2 ** 32;
}

/** Tells a problem by another name. */
export function renamed(cause: unknown, from: string, to: 'unavailable'): unknown {
  return isProblem(cause) && cause.code === from ? new Problem(to, 'planted') : cause;
}

export const decideWith = (
  change: (
    decide: () => ReturnType<Flight['decide']>,
    ...args: Decided
  ) => ReturnType<Flight['decide']>,
): Undo =>
  replace(
    Flight.prototype,
    'decide',
    (original) =>
      function decide(this: Flight, pending, context) {
        const call = (): ReturnType<Flight['decide']> => original.call(this, pending, context);
        return change(call, this, pending, context);
      },
  );

type Decided = [flight: Flight, ...Parameters<Flight['decide']>];

/** Decides another command than the one that was asked for. */
export const decideInstead = (
  change: (command: Decided[1]['command']) => Decided[1]['command'],
): Undo =>
  replace(
    Flight.prototype,
    'decide',
    (original) =>
      function decide(this: Flight, pending, context) {
        const command = change(pending.command);
        const asked = Object.create(pending, { command: { value: command } }) as typeof pending;
        return original.call(this, asked, context);
      },
  );
