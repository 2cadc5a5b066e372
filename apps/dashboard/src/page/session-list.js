// The list of sessions, page by page, with what happens meanwhile: rows change where they stand, and none
// comes in between or moves. Those that the list would begin with are counted until somebody wants to see them.

import { Activity } from './activity.js';
import { messageOf } from './api.js';

/** @typedef {Record<string, any>} Fields */

const pageSize = 100;

/** What of the address is asked of the server. */
const asked = { status: 'statuses[]', agent: 'agent_name', order: 'order' };

/** By what a list is ordered: when sessions were made, or when their state changed last. */
const orders = { made: 'created_at', changed: 'state_changed_at' };

/** @param {URLSearchParams} query of the page's address */
export const isByChange = (query) => query.get('by') === 'changed';

/** @param {URLSearchParams} query of the page's address */
export function listQuery(query) {
  const list = new URLSearchParams({ limit: String(pageSize) });
  for (const [name, wanted] of Object.entries(asked)) {
    const value = query.get(name);
    if (value !== null && value !== '') list.set(wanted, value);
  }
  if (query.get('archived') === 'true') list.set('include_archived', 'true');
  if (isByChange(query)) list.set('order_by', orders.changed);
  return list;
}

export class SessionList {
  /** @type {Fields[]} */
  rows = [];
  /** Sessions that the list would begin with by now, by id: made since, or changed since. @type {Set<string>} */
  news = new Set();
  isLoaded = false;
  problem = '';
  #query;
  #api;
  #onChange;
  /** @type {string | null} */
  #nextPage = null;
  #isLoading = false;
  #epoch = 0;
  /** @type {Map<string, { index: number, time: number }>} */
  #places = new Map();
  /** What each has written while one looks. */
  activity = new Activity();

  /**
   * @param {import('./api.js').Api} api
   * @param {URLSearchParams} query
   * @param {() => void} onChange
   */
  constructor(api, query, onChange) {
    this.#api = api;
    this.#query = listQuery(query);
    this.isByChange = isByChange(query);
    this.#onChange = onChange;
  }

  get hasMore() {
    return this.#nextPage !== null;
  }

  async reload() {
    this.#epoch += 1;
    this.#isLoading = false;
    this.#nextPage = null;
    await this.#load(true);
  }

  async loadMore() {
    if (this.#isLoading || this.#nextPage === null) return;
    await this.#load(false);
  }

  /** A page costs the same however many came before it. @param {boolean} isFirst */
  async #load(isFirst) {
    const epoch = this.#epoch;
    this.#isLoading = true;
    try {
      const query = new URLSearchParams(this.#query);
      if (this.#nextPage !== null) query.set('page', this.#nextPage);
      const { data, next_page: nextPage } = await this.#api.json(`/v1/sessions?${query}`);
      if (epoch !== this.#epoch) return;
      if (isFirst) {
        this.rows = [];
        this.#places.clear();
        this.news.clear();
      }
      for (const row of data) this.#add(row);
      this.#nextPage = nextPage;
      this.problem = '';
    } catch (cause) {
      if (epoch === this.#epoch) this.problem = messageOf(cause);
    } finally {
      if (epoch === this.#epoch) {
        this.#isLoading = false;
        this.isLoaded = true;
        this.#onChange();
      }
    }
  }

  /** One that has moved on while pages were read comes again: it stays where it is. @param {Fields} row */
  #add(row) {
    const { index = this.rows.length } = this.#places.get(row['id']) ?? {};
    this.#places.set(row['id'], { index, time: this.#timeOf(row) });
    this.rows[index] = row;
    this.news.delete(row['id']);
    this.activity.take(row, Date.now());
  }

  /** What it is ordered by. @param {Fields} row */
  #timeOf(row) {
    return Date.parse(row[this.isByChange ? orders.changed : orders.made]);
  }

  /**
   * What has changed of the fleet.
   * @param {readonly Fields[]} changed
   */
  take(changed) {
    for (const row of changed) {
      const place = this.#places.get(row['id']);
      this.activity.take(row, Date.now());
      if (place !== undefined) this.rows[place.index] = { ...this.rows[place.index], ...row };
      if (row['deleted'] === true) this.news.delete(row['id']);
      else if (this.#isNew(row, place?.time)) this.news.add(row['id']);
    }
    this.#onChange();
  }

  /**
   * One that the list would begin with; in the other order new ones are at its end, and found there.
   * @param {Fields} row
   * @param {number} [listed] the time by which it stands in the list
   */
  #isNew(row, listed) {
    if (!this.isLoaded || this.#query.get('order') === 'asc') return false;
    const agent = this.#query.get('agent_name')?.toLowerCase();
    const name = String(row['agent']?.['name'] ?? '').toLowerCase();
    if (agent !== undefined && !name.includes(agent)) return false;
    const status = this.#query.get('statuses[]');
    if (status !== null && row['status'] !== status) return false;
    const time = this.#timeOf(row);
    if (listed !== undefined) return time > listed;
    const [first] = this.rows;
    return first === undefined || time >= (this.#places.get(first['id'])?.time ?? 0);
  }
}
