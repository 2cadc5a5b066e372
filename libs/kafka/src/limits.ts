// Limits of the client, each with its reason. Where two deployments may differ it is a setting.

/** A request is closed once it holds so much: half of what fits before latency shows. */
export const produceBytesTarget = 8 * 1_024 * 1_024;

/** Lanes of one broker: a second request is under way while the first waits for the followers. */
export const lanesPerBroker = 2;

/** What one fetch answers at most, beyond the first batch. */
export const fetchBytesMax = 16 * 1_024 * 1_024;

/** How long the broker keeps an empty fetch. Idle cost goes by its inverse. */
export const fetchWaitMs = 500;

/**
 * The same for shards that are not yet in a broker's long fetch: a newcomer waits no longer than
 * this for the one before it.
 */
export const joinWaitMs = 20;

/** Connections on which one broker is fetched from, so also reads of one shard at a time. */
export const fetchLoopsPerBroker = 8;

/** A reader that has so many chunks unread is left out of fetches. */
export const unreadChunksMax = 2;

export const defaultChunkBytes = 1_024 * 1_024;

/** Between two looks for a leader: a fail-over takes about a second. */
export const leaderRetryMs = 50;

/** A topic that brokers deny for so long is missing; a younger one may not have reached them all. */
export const missingAfterMs = 1_000;

/** Once one broker has told who leads, the others are waited for so long: some may hang. */
export const surveyWaitMs = 1_000;

/** Older leaders that most brokers tell for so long are those of a topic that was made again. */
export const olderForMs = 5_000;

/** A produce that has waited so long has its leader looked up: it may have been deposed. */
export const leaderCheckMs = 500;

/** What is asked of a broker's memory is answered in milliseconds, or the broker hangs. */
export const questionTimeoutMs = 1_500;
