// What an operator has to know of, though the process serves on: a check that fails by its name in
// `/readyz`, or warns there where it is one tenant's alone, an error line and a metric. It passes some time after it was met last, since whether it is
// still true shows only when somebody asks for the same again.

import type { Clock, Counter, Logger, Metrics } from '@tidemark/ports';

export interface AlarmParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Long enough to be seen; a range that nobody asks for again is not looked at again. */
const corruptMs = 10 * 60_000;

interface Alarm {
  readonly what: string;
  readonly untilMs: number;
  readonly isOfTenant: boolean;
}

interface Ringing {
  readonly cause?: unknown;
  readonly forMs: number;
  /** What one tenant has to mend: the process serves all others, and is ready to. */
  readonly isOfTenant?: boolean;
}

export class Alarms {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #raised: Counter;
  readonly #alarms = new Map<string, Alarm>();

  constructor({ clock, logger, metrics }: AlarmParts) {
    this.#clock = clock;
    this.#logger = logger;
    this.#raised = metrics.counter({
      name: 'tidemark_alarms_total',
      help: 'how often something was met that an operator has to know of',
      labels: ['alarm'],
    });
  }

  /** `name` is what `/readyz` calls it; its first word is the metric's label. */
  raise(name: string, what: string, { cause, forMs, isOfTenant = false }: Ringing): void {
    this.#raised.add(1, { alarm: name.split(' ', 1)[0] ?? name });
    if (!this.#isOn(name)) this.#logger.error({ alarm: name, err: cause }, what);
    this.#alarms.set(name, { what, untilMs: this.#clock.monotonicMs() + forMs, isOfTenant });
  }

  /** Stored bytes are not what was stored. */
  raiseCorrupt(where: string, cause: unknown): void {
    const what = 'stored bytes are not what was stored: restore them from a copy';
    this.raise(`corrupt ${where}`, what, { cause, forMs: corruptMs });
  }

  clear(name: string): void {
    if (this.#alarms.delete(name)) this.#logger.info({ alarm: name }, 'the alarm has passed');
  }

  failures(): Record<string, string> {
    return this.#ringing(false);
  }

  warnings(): Record<string, string> {
    return this.#ringing(true);
  }

  #ringing(ofTenants: boolean): Record<string, string> {
    const on = [...this.#alarms].filter(([name, { isOfTenant }]) => {
      return isOfTenant === ofTenants && this.#isOn(name);
    });
    return Object.fromEntries(on.map(([name, { what }]) => [name, what]));
  }

  #isOn(name: string): boolean {
    const alarm = this.#alarms.get(name);
    if (alarm === undefined) return false;
    if (this.#clock.monotonicMs() < alarm.untilMs) return true;
    this.#alarms.delete(name);
    return false;
  }
}
