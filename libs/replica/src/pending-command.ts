import { Problem } from '@tidemark/protocol';
import type { Command, Reply } from '@tidemark/session';
import type { FoldedSession } from './folded-session.ts';

/** What an event takes while it waits, beside its bytes: its view of the body, and what points there. */
const waitingEventBytes = 128;

/** What a command holds in memory while it waits. */
export function bytesIn(command: Command): number {
  if (command.kind === 'fact') return command.bytes ?? 0;
  if (command.kind !== 'append' && command.kind !== 'create') return 0;
  let bytes = waitingEventBytes * command.events.length;
  for (const event of command.events) bytes += event.length;
  for (const id of command.eventIds ?? []) bytes += id?.length ?? 0;
  for (const note of command.notes ?? []) bytes += note?.length ?? 0;
  return bytes;
}

export interface Asked {
  readonly session: FoldedSession;
  readonly command: Command;
  readonly deadlineMs: number;
}

interface Answers {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (problem: Problem) => void;
  /** Lets the session go. */
  readonly release: () => void;
}

/** A command that waits for its answer. Its session is in memory until it has one: it has one once. */
export class PendingCommand {
  readonly session: FoldedSession;
  readonly command: Command;
  readonly deadlineMs: number;
  readonly bytes: number;
  readonly #answers: Answers;
  #isDone = false;

  constructor({ session, command, deadlineMs }: Asked, answers: Answers) {
    this.session = session;
    this.command = command;
    this.deadlineMs = deadlineMs;
    this.bytes = bytesIn(command);
    this.#answers = answers;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  accept(reply: Reply): void {
    if (this.#end()) this.#answers.resolve(reply);
  }

  refuse(problem: Problem): void {
    if (this.#end()) this.#answers.reject(problem);
  }

  #end(): boolean {
    if (this.#isDone) return false;
    this.#isDone = true;
    this.#answers.release();
    return true;
  }
}

export const asProblem = (cause: unknown): Problem =>
  cause instanceof Problem ? cause : new Problem('internal', 'unexpected failure', { cause });
