const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Clients rely on these. Each says why it is what it is. */
export const limits = {
  /** One request body. Leaves room for keys and headers in a batch of the log. */
  bodyBytesMax: 8 * 1024 * 1024,
  /** Events in one append: one fold step must stay short. */
  appendEventsMax: 1_000,
  /** A name in UTF-8: it is a record key on every event. */
  nameBytesMax: 1_024,
  /** Producer ids, idempotency keys, client event ids, Stream-Seq: they live in the fold. */
  tokenBytesMax: 256,
  contentTypeBytesMax: 256,
  /** Producers that a session remembers at least, whatever their age ... */
  producersMin: 64,
  /** ... and for how long at least, by record time. */
  producerWindowMs: 7 * dayMs,
  /** ... and at most. */
  producersMax: 4_096,
  producerIdsBytesMax: 1024 * 1024,
  /** Idempotency keys, and as many client event ids, that a session remembers at least ... */
  dedupeEntriesMin: 4_096,
  /** ... and for how long at least, by record time. */
  dedupeWindowMs: dayMs,
  /** ... and at most, of each: the oldest go first. Two such windows are 4 MiB a session. */
  dedupeEntriesMax: 65_536,
  dedupeBytesMax: 2 * 1024 * 1024,
  /** Forks of one session that are there at once, and the bytes of their names. */
  forksMax: 65_536,
  forkNamesBytesMax: 8 * 1024 * 1024,
  /** Forks of one name that were deleted, and whose sources have not heard of it yet. */
  forkDebtsMax: 64,
  /** Forks of one name that were given up, and whose creates may still be on their way. */
  forksBurnedMax: 64,
  /** What a writer tells the fold of one event: it rides in the headers of its record. */
  eventTypeBytesMax: 128,
  noteBytesMax: 4 * 1024,
  /** What a session is, besides its events: agent, metadata, resources, budget. It lives in the fold. */
  profileBytesMax: 256 * 1024,
  metadataPairsMax: 16,
  metadataKeyCharsMax: 64,
  metadataValueCharsMax: 512,
  titleCharsMax: 1_024,
  resourcesMax: 128,
  /** Durable facts of one session, and the bytes of their keys and values. */
  factsMax: 1_024,
  factKeyBytesMax: 256,
  factValueBytesMax: 64 * 1024,
  factsBytesMax: 1024 * 1024,
  /** Values of facts that others took the place of: a state is stored whole whenever it is published. */
  pastFactsMax: 128,
  pastFactsBytesMax: 128 * 1024,
  /** Confirmations that a session waits for, sub-threads, outcomes, acts that its audit remembers. */
  pendingMax: 256,
  threadsMax: 256,
  outcomesMax: 64,
  auditMax: 256,
  /** Client tokens of one session that are good at once, and how long one may be. */
  clientTokensMax: 256,
  clientTokenSecondsMin: 60,
  clientTokenSecondsMax: 24 * 3_600,
  initialEventsMax: 50,
  /** Turns of a session that are told of when they are over, and what is said of one that failed. */
  turnsMax: 64,
  turnErrorCharsMax: 1_024,
  /** Where a session's events are delivered to, and what is remembered of each one's deliveries. */
  destinationsMax: 16,
  /** And all sessions of a tenant together. */
  sharedDestinationsMax: 8,
  destinationUrlCharsMax: 2_048,
  destinationSecretCharsMax: 1_024,
  destinationTypesMax: 64,
  deliveriesMax: 128,
  /** What a session that workers run carries for its owner, as JSON. */
  runMetadataBytesMax: 16 * 1024,
  /** Events of one session that were redacted, and whose marks the fold keeps. */
  redactionsMax: 1_024,
  /** From request to answer; later the outcome is unknown to the caller. */
  appendDeadlineMs: 10_000,
  /** One catch-up answer; the client goes on from its end. */
  readBytesMax: 16 * 1024 * 1024,
  /** `?limit=` */
  readEventsMax: 10_000,
  longPollMs: 20_000,
  /** The protocol asks for reconnects about once a minute, so that caches can collapse. */
  sseLifetimeMs: 60_000,
  heartbeatMs: 10_000,
  /** A TTL beyond this is a mistake in units. */
  ttlSecondsMax: 10 * 365 * 24 * 3_600,
  /** Ancestors of one fork: each costs a lookup on a read. */
  forkDepthMax: 64,
  /** Signing keys of a cell that are still published. */
  relayKeysMax: 64,
  /** API keys of one tenant. */
  tenantKeysMax: 64,
  /** Partitions of one tenant's own topic. */
  tenantPartitionsMax: 256,
  subscriptionStreamsMax: 10_000,
  subscriptionsMax: 1_000,
  leaseMsMin: 1_000,
  leaseMsMax: 10 * minuteMs,
  leaseMsDefault: 30_000,
} as const;
