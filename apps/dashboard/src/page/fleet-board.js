// All sessions as they stand, by what somebody would do about them. A session moves when its state does,
// not whenever it writes.

import { stateOf } from './session-states.js';

/** @typedef {Record<string, any>} Fields */
/** @typedef {{ row: Fields, state: string, sinceMs: number }} Entry */

export const boards = /** @type {const} */ (['running', 'waiting', 'failed']);

/** @type {Record<string, string>} */
const boardOf = {
  running: 'running',
  stuck: 'running',
  recovering: 'running',
  waiting: 'waiting',
  failed: 'failed',
};

export class FleetBoard {
  /** @type {Map<string, Entry>} */
  #byId = new Map();

  get size() {
    return this.#byId.size;
  }

  /** @param {readonly Fields[]} rows */
  take(rows) {
    for (const row of rows) {
      const id = String(row['id']);
      if (row['deleted'] === true) {
        this.#byId.delete(id);
        continue;
      }
      const state = stateOf(row);
      const known = this.#byId.get(id);
      const sinceMs =
        known?.state === state ? known.sinceMs : Date.parse(String(row['updated_at']));
      this.#byId.set(id, { row, state, sinceMs });
    }
  }

  /**
   * @param {number} [nowMs]
   * @returns {Record<typeof boards[number], Entry[]>} those that changed last first
   */
  lists(nowMs = Date.now()) {
    /** @type {Record<string, Entry[]>} */
    const lists = { running: [], waiting: [], failed: [] };
    for (const { row, sinceMs } of this.#byId.values()) {
      // What runs and says nothing is stuck by and by.
      const state = stateOf(row, nowMs);
      lists[boardOf[state] ?? '']?.push({ row, state, sinceMs });
    }
    for (const list of Object.values(lists)) {
      list.sort(
        (one, other) => other.sinceMs - one.sinceMs || (one.row['id'] < other.row['id'] ? -1 : 1),
      );
    }
    return /** @type {any} */ (lists);
  }
}

/** What happened in the last two minutes, a point a second. */
export class CounterHistory {
  #max;
  /** @type {number[]} */
  times = [];
  /** @type {number[]} */
  events = [];
  /** @type {number[]} */
  bytes = [];

  /** @param {number} max */
  constructor(max = 120) {
    this.#max = max;
  }

  /** @param {{ at_ms: number, events: number, bytes: number }} counts */
  take({ at_ms: atMs, events, bytes }) {
    this.times.push(atMs / 1_000);
    this.events.push(events);
    this.bytes.push(bytes);
    if (this.times.length <= this.#max) return;
    for (const series of [this.times, this.events, this.bytes]) series.shift();
  }
}
