// What sessions write while one looks: of each the events of the last two minutes, a count every five seconds.
// Only those that write are kept, and no more than a screen could show.

const bucketMs = 5_000;
export const bucketCount = 24;
const sessionsMax = 2_000;

/** @typedef {{ events: number, buckets: Map<number, number> }} Seen */

export class Activity {
  /** @type {Map<string, Seen>} */
  #byId = new Map();

  /**
   * @param {Record<string, any>} row with the events that it has now
   * @param {number} nowMs
   */
  take(row, nowMs) {
    const id = String(row['id']);
    const events = Number(row['event_count']);
    if (row['deleted'] === true || !Number.isFinite(events)) return void this.#byId.delete(id);
    const seen = this.#byId.get(id) ?? { events, buckets: new Map() };
    const bucket = Math.floor(nowMs / bucketMs);
    const news = events - seen.events;
    if (news > 0) seen.buckets.set(bucket, (seen.buckets.get(bucket) ?? 0) + news);
    for (const old of seen.buckets.keys())
      if (old <= bucket - bucketCount) seen.buckets.delete(old);
    seen.events = events;
    // Those that were told last are at the end.
    this.#byId.delete(id);
    this.#byId.set(id, seen);
    const [oldest] = this.#byId.keys();
    if (this.#byId.size > sessionsMax && oldest !== undefined) this.#byId.delete(oldest);
  }

  /**
   * @param {string} id
   * @param {number} nowMs
   * @returns {readonly number[]} the oldest first; none where nothing was written
   */
  countsOf(id, nowMs) {
    const buckets = this.#byId.get(id)?.buckets;
    if (buckets === undefined || buckets.size === 0) return [];
    const last = Math.floor(nowMs / bucketMs);
    return Array.from(
      { length: bucketCount },
      (_, index) => buckets.get(last - bucketCount + 1 + index) ?? 0,
    );
  }
}
