// How a session stood at any of its events: what it had used by then, how many turns it had taken, and whether it
// ran. Made of the events that tell so, which are small, and read once.

/** @typedef {Record<string, any>} Fields */
/** @typedef {{ seq: number, status: string, turns: number, input: number, output: number, cents: number | undefined }} Standing */

export const standingTypes = [
  'span.model_request_end',
  'session.usage',
  'session.status_running',
  'session.status_idle',
  'session.status_terminated',
];

/** @type {Record<string, string>} */
const statuses = {
  'session.status_running': 'running',
  'session.status_idle': 'idle',
  'session.status_terminated': 'ended',
};

/** @param {unknown} value @param {number} fallback */
const count = (value, fallback) =>
  typeof value === 'number' && Number.isFinite(value) ? value : fallback;

/** Whole cents, as text; also where they come with their currency. @param {any} cost */
function centsIn(cost) {
  const amount = cost?.['amount'] ?? cost;
  return typeof amount === 'string' && /^\d{1,15}$/.test(amount) ? Number(amount) : undefined;
}

/** @type {Standing} */
const beginning = { seq: -1, status: 'idle', turns: 0, input: 0, output: 0, cents: undefined };

export class AsOf {
  /** In order. @type {Standing[]} */
  #standings = [];

  /**
   * So many at most, evenly, the last among them.
   * @param {number} max
   * @returns {readonly Standing[]}
   */
  some(max) {
    const { length } = this.#standings;
    if (length <= max) return this.#standings;
    const step = length / max;
    return Array.from(
      { length: max },
      (_, index) => /** @type {Standing} */ (this.#standings[Math.ceil((index + 1) * step) - 1]),
    );
  }

  /** The seq behind the last that was taken. */
  get endSeq() {
    return (this.#standings.at(-1)?.seq ?? -1) + 1;
  }

  /**
   * In order; what was taken already is not taken again.
   * @param {number} seq
   * @param {Fields} event
   */
  take(seq, event) {
    const type = String(event['type']);
    if (seq < this.endSeq || !standingTypes.includes(type)) return;
    const before = this.at(seq);
    const next = { ...before, seq };
    if (type === 'span.model_request_end') {
      const usage = event['model_usage'] ?? {};
      next.input += count(usage['input_tokens'], 0);
      next.output += count(usage['output_tokens'], 0);
    } else if (type === 'session.usage') {
      // A runtime's own count takes the place of what was summed up.
      const usage = event['usage'] ?? {};
      next.input = count(usage['input_tokens'], before.input);
      next.output = count(usage['output_tokens'], before.output);
      next.cents = centsIn(usage['list_cost']) ?? before.cents;
    } else {
      const waits = event['stop_reason']?.['type'] === 'requires_action';
      next.status = waits ? 'waiting' : (statuses[type] ?? before.status);
      if (next.status === 'running' && before.status !== 'running') next.turns += 1;
    }
    this.#standings.push(next);
  }

  /**
   * With all that stands up to and at a seq.
   * @param {number} seq
   * @returns {Standing}
   */
  at(seq) {
    let [low, high] = [0, this.#standings.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#standings[middle]?.seq ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    return this.#standings[low - 1] ?? beginning;
  }
}
