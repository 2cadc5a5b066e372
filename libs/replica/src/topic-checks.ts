// Rule 14: a topic is checked when it is made, and again by each process that begins to use it: its
// settings may have been changed since.

import {
  type Clock,
  type EventLog,
  type Fault,
  isFault,
  type Logger,
  sleep,
  type TopicSpec,
} from '@tidemark/ports';

const againMs = 1_000;

interface CheckParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class TopicChecks {
  readonly #parts: CheckParts;
  readonly #onUnsafe: (topic: string, fault: Fault) => void;
  readonly #begun = new Set<string>();
  /** One at a time: a process may begin with thousands of tenants at once. */
  #last: Promise<void> = Promise.resolve();

  constructor(parts: CheckParts, onUnsafe: (topic: string, fault: Fault) => void) {
    this.#parts = parts;
    this.#onUnsafe = onUnsafe;
  }

  /** Checks the topic, unless that was begun before. */
  async check(spec: TopicSpec, signal: AbortSignal): Promise<void> {
    if (this.#begun.has(spec.name)) return;
    this.#begun.add(spec.name);
    const turn = this.#last;
    const checking = turn.then(() => this.#untilKnown(spec, signal));
    this.#last = checking.catch(() => undefined);
    await checking;
  }

  async #untilKnown(spec: TopicSpec, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        return await this.#parts.log.checkTopic(spec, signal);
      } catch (cause) {
        if (!isFault(cause)) throw cause;
        if (cause.reason === 'unsafe') return this.#onUnsafe(spec.name, cause);
        // That it is missing, whoever reads it finds out and tells.
        if (cause.reason !== 'unavailable') return;
        this.#parts.logger.debug({ topic: spec.name }, 'a topic cannot be checked yet');
      }
      await sleep(this.#parts.clock, againMs, signal).catch(() => undefined);
    }
  }
}
