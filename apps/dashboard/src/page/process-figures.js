// What the process that serves the page says of itself: who follows, how long appends take, how far what is
// published is behind, and whether a shard waits for an operator. Others, where there are more, say it at their own
// /metrics.

/** @typedef {{ upTo: number, count: number }} Bucket in seconds; of all that took no longer */
/** @typedef {{ followers: number | undefined, sockets: number | undefined, publishSeconds: number | undefined, tieringSeconds: number | undefined, stoppedShards: number | undefined, commits: readonly Bucket[] }} Figures */

/** @type {Record<Exclude<keyof Figures, 'commits'>, string>} */
const names = {
  followers: 'tidemark_read_followers',
  sockets: 'tidemark_edge_web_sockets',
  publishSeconds: 'tidemark_publisher_waiting_seconds',
  tieringSeconds: 'tidemark_tiering_waiting_seconds',
  stoppedShards: 'tidemark_replica_stopped_shards',
};

/**
 * @param {string} text as Prometheus reads it
 * @returns {Figures} a figure that the process does not have is undefined
 */
export function figuresIn(text) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  const commits = [];
  for (const line of text.split('\n')) {
    const [, upTo, count] =
      /^tidemark_writer_commit_seconds_bucket\{le="([^"]+)"\} (\S+)/.exec(line) ?? [];
    if (upTo !== undefined) {
      commits.push({ upTo: upTo === '+Inf' ? Infinity : Number(upTo), count: Number(count) });
      continue;
    }
    const [, name = '', value] = /^([a-z_]+)(?:\{[^}]*\})? (\S+)/.exec(line) ?? [];
    if (value !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  const found = Object.entries(names).map(([figure, name]) => [figure, sums.get(name)]);
  return /** @type {any} */ ({ ...Object.fromEntries(found), commits });
}

/**
 * Between two readings, as a straight line through the bucket that holds it.
 * @param {readonly Bucket[]} before
 * @param {readonly Bucket[]} now
 * @param {number} part of all
 * @returns {number | undefined} seconds; undefined where nothing was written between
 */
export function quantileBetween(before, now, part) {
  const counts = now.map(({ count }, index) => count - (before[index]?.count ?? 0));
  const all = counts.at(-1) ?? 0;
  if (all <= 0) return undefined;
  const index = counts.findIndex((count) => count >= part * all);
  const from = now[index - 1]?.upTo ?? 0;
  const to = now[index]?.upTo ?? Infinity;
  if (to === Infinity) return from;
  const below = counts[index - 1] ?? 0;
  return from + ((part * all - below) / ((counts[index] ?? 0) - below)) * (to - from);
}

/** @returns {Promise<Figures | undefined>} */
export async function readFigures() {
  try {
    const answer = await fetch('/metrics', { cache: 'no-store' });
    return answer.ok ? figuresIn(await answer.text()) : undefined;
  } catch {
    return undefined;
  }
}
