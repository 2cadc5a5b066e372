// What the process that serves the page says of itself: who follows, how far what is published is behind, and
// whether a shard waits for an operator. Others, where there are more, say it at their own /metrics.

/** @typedef {{ followers: number | undefined, sockets: number | undefined, publishSeconds: number | undefined, tieringSeconds: number | undefined, stoppedShards: number | undefined }} Figures */

/** @type {Record<keyof Figures, string>} */
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
  for (const line of text.split('\n')) {
    const [, name = '', value] = /^([a-z_]+)(?:\{[^}]*\})? (\S+)/.exec(line) ?? [];
    if (value !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  const found = Object.entries(names).map(([figure, name]) => [figure, sums.get(name)]);
  return /** @type {any} */ (Object.fromEntries(found));
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
