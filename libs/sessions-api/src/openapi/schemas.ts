// The shapes that requests and answers have, as JSON Schema. They say what a client can count on; what is taken
// is decided by the parsers of this package, which are kinder.

export type Schema = { readonly [keyword: string]: unknown };

export const text = (charsMax?: number): Schema =>
  charsMax === undefined ? { type: 'string' } : { type: 'string', maxLength: charsMax };
export const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values });
export const whole = (minimum = 0, maximum?: number): Schema =>
  maximum === undefined ? { type: 'integer', minimum } : { type: 'integer', minimum, maximum };
export const flag: Schema = { type: 'boolean' };
export const anything: Schema = {};
export const time: Schema = { type: 'string', format: 'date-time' };
export const list = (items: Schema, maxItems?: number): Schema =>
  maxItems === undefined ? { type: 'array', items } : { type: 'array', items, maxItems };
export const nullable = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const object = (
  properties: Readonly<Record<string, Schema>>,
  required: readonly string[] = [],
): Schema => ({ type: 'object', properties, ...(required.length === 0 ? {} : { required }) });

const metadata: Schema = { type: 'object', additionalProperties: text(512), maxProperties: 16 };
const budget = object(
  {
    type: oneOf('limit'),
    max_list_cost: object(
      { amount: { type: 'string', pattern: '^\\d{1,15}$' }, currency: text(3) },
      ['amount', 'currency'],
    ),
  },
  ['type', 'max_list_cost'],
);
const resource = object(
  {
    type: oneOf('file', 'github_repository', 'memory_store'),
    file_id: text(256),
    url: text(2_048),
    memory_store_id: text(256),
  },
  ['type'],
);
const agent: Schema = {
  anyOf: [text(256), object({ type: oneOf('agent'), id: text(256), version: whole(1) }, ['id'])],
};
const sessionLimits = object({
  events: whole(),
  bytes: whole(),
  tokens: whole(),
  turns: whole(),
});
const event: Schema = {
  type: 'object',
  required: ['type'],
  properties: {
    type: { type: 'string', minLength: 1, maxLength: 128 },
    id: text(256),
    processed_at: time,
    content: list(object({ type: oneOf('text'), text: text() }, ['type', 'text'])),
  },
};
const share = object({ first_seq: whole(), last_seq: nullable(whole()), redacted: flag }, [
  'first_seq',
  'last_seq',
  'redacted',
]);
const page = (item: Schema): Schema =>
  object({ data: list(item), next_page: nullable(text()) }, ['data']);

export const schemas: Readonly<Record<string, Schema>> = {
  Event: event,
  SendEvents: {
    anyOf: [
      ref('Event'),
      list(ref('Event'), 1_000),
      object({ events: list(ref('Event'), 1_000) }, ['events']),
    ],
  },
  SentEvents: object({ data: list(ref('Event')) }, ['data']),
  EventPage: page(ref('Event')),
  Policy: object({
    age_seconds: nullable({ type: 'number' }),
    bytes: nullable(whole()),
    ended_seconds: nullable({ type: 'number' }),
  }),
  Retention: object({ retention: nullable(ref('Policy')) }, ['retention']),
  Keeping: object({
    session_id: text(),
    head_seq: whole(),
    tail_seq: whole(),
    retention: nullable(ref('Policy')),
    hold: nullable(object({ reason: text(), by: text(), since: time })),
    redacted: list(object({ seq: whole(), at: time })),
  }),
  Erasure: object({
    session_id: text(),
    status: oneOf('waits', 'erased'),
    left_in: list(text()),
    rewritten: list(object({ at: time, was: text(), is: nullable(text()), deleted: flag })),
  }),
  RetentionPreview: object({ data: list(anything), totals: anything }, ['data', 'totals']),
  CreateSession: object({
    agent,
    environment_id: text(256),
    title: nullable(text(512)),
    metadata,
    resources: list(resource, 100),
    vault_ids: list(text(256), 100),
    budget: nullable(budget),
    limits: sessionLimits,
    scratch: anything,
    ttl_seconds: whole(1),
    initial_events: list(ref('Event'), 50),
  }),
  UpdateSession: object({
    title: nullable(text(512)),
    metadata: { type: 'object', additionalProperties: nullable(text(512)) },
    budget: nullable(budget),
    limits: sessionLimits,
    scratch: anything,
    agent: object({ tools: list(anything), mcp_servers: list(anything) }),
  }),
  Session: object(
    {
      id: text(),
      type: oneOf('session'),
      status: text(),
      title: nullable(text()),
      metadata,
      created_at: time,
      updated_at: time,
      state_changed_at: time,
      archived_at: nullable(time),
      usage: anything,
      stats: anything,
      first_seq: whole(),
      event_count: whole(),
      event_times: nullable(
        object({ from: time, span_seconds: whole(5), counts: list(whole(), 32) }),
      ),
      share,
    },
    ['id', 'type', 'status', 'created_at'],
  ),
  SessionPage: page(ref('Session')),
  Resource: resource,
  Thread: object({ id: text(), status: text() }, ['id']),
  ThreadPage: page(ref('Thread')),
  Agent: object(
    {
      id: text(),
      type: oneOf('agent'),
      name: text(),
      version: whole(1),
      archived_at: nullable(time),
    },
    ['id', 'name', 'version'],
  ),
  AgentPage: page(ref('Agent')),
  WriteAgent: object({
    name: text(256),
    description: nullable(text(4_096)),
    model: { anyOf: [text(256), object({ id: text(256) }, ['id'])] },
    system: nullable(text(100_000)),
    tools: list(anything, 256),
    mcp_servers: list(anything, 256),
    metadata,
  }),
  Environment: object({ id: text(), type: oneOf('environment'), name: text() }, ['id', 'name']),
  EnvironmentPage: page(ref('Environment')),
  WriteEnvironment: object({
    name: text(256),
    description: nullable(text(4_096)),
    config: anything,
    metadata,
  }),
  Facts: object(
    {
      data: list(
        object({ key: text(), version: whole(1), value: anything, forgotten: flag }, [
          'key',
          'version',
        ]),
      ),
      known_from_seq: whole(),
    },
    ['data'],
  ),
  Audit: object({ data: list(object({ act: text(), at: time })), dropped: whole() }, ['data']),
  Usage: object(
    {
      data: list(
        object({
          day: text(10),
          session: text(),
          sessions: whole(),
          events: whole(),
          bytes: whole(),
          input_tokens: whole(),
          output_tokens: whole(),
          list_cost: text(),
        }),
      ),
      next_page: text(),
    },
    ['data'],
  ),
  WriteToken: object({
    scopes: list(oneOf('read', 'append', 'steer'), 3),
    ttl_seconds: whole(60, 86_400),
    first_seq: whole(),
    last_seq: whole(),
    redacted: flag,
  }),
  Token: object({ id: text(), token: text(), scopes: list(text()), share, expires_at: time }, [
    'id',
    'scopes',
    'expires_at',
  ]),
  WriteKey: object({
    name: text(128),
    scopes: list(oneOf('read', 'append', 'steer', 'admin'), 4),
    apiKey: text(256),
  }),
  Key: object({ id: text(), name: text(), scopes: list(text()), apiKey: text() }, ['id', 'scopes']),
  Keys: object({ data: list(ref('Key')) }, ['data']),
  WriteTenant: object(
    {
      id: text(64),
      partitions: whole(1, 64),
      pooled: flag,
      durability: oneOf('replicated', 'fsynced'),
      apiKey: text(256),
      bucket: ref('WriteBucket'),
    },
    ['id'],
  ),
  WriteBucket: object(
    {
      name: text(256),
      region: text(64),
      endpoint: text(2_048),
      prefix: text(512),
      accessKeyId: text(256),
      secretAccessKey: text(2_048),
      roleArn: text(2_048),
      externalId: text(1_224),
      encryption: oneOf('AES256', 'aws:kms'),
      kmsKeyId: text(2_048),
    },
    ['name'],
  ),
  Tenant: object({ id: text(), placement: anything, durability: text(), bucket: anything }, ['id']),
  Materialized: object({ format: nullable(oneOf('parquet', 'ndjson')) }, ['format']),
  Tenants: object({ data: list(ref('Tenant')) }, ['data']),
  Hits: object(
    {
      data: list(object({ session_id: text(), seq: whole(), score: { type: 'number' } })),
      next_page: nullable(text()),
      not_searched: anything,
    },
    ['data', 'not_searched'],
  ),
  Error: object(
    {
      type: oneOf('error'),
      error: object({ type: text(), message: text(), code: text(), details: anything }, [
        'type',
        'message',
      ]),
      request_id: text(),
    },
    ['type', 'error'],
  ),
};
