// Every operation under /v1 but those of the Durable Streams protocol, which has a document of its own.

import { adminOperations, keyOperations } from './admin-operations.ts';
import { keepingOperations } from './keeping-operations.ts';
import type { Operation } from './operation.ts';
import {
  anything,
  flag,
  list,
  object,
  oneOf,
  ref,
  type Schema,
  text,
  time,
  whole,
} from './schemas.ts';

const order = { order: oneOf('asc', 'desc') };
const paging = { limit: whole(1, 1_000), page: text() };
const times = (name: string): Readonly<Record<string, Schema>> =>
  Object.fromEntries(['gt', 'gte', 'lt', 'lte'].map((bound) => [`${name}[${bound}]`, time]));
const conditions = { 'if-match': text(), 'if-none-match': text() };
const deleted = object({ id: text(), type: text() });

const listing = {
  ...order,
  ...paging,
  ...times('created_at'),
  'types[]': list(text()),
  last: whole(1, 1_000),
  from_seq: whole(),
  to_seq: whole(),
  since: oneOf('compaction'),
  after: text(),
  offset: text(),
  live: oneOf('long-poll', 'sse'),
  seqs: flag,
};
const finding = { q: text(1_024), context: whole(0, 20), max_tokens: whole(1) };
const following = {
  after: text(),
  'types[]': list(text()),
  'event_deltas[]': list(oneOf('agent.message', 'agent.thinking')),
};

const sessions: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/sessions',
    id: 'listSessions',
    summary: 'Sessions by the time of their making',
    query: {
      ...order,
      ...paging,
      ...times('created_at'),
      'statuses[]': list(text()),
      agent_id: text(),
      agent_name: text(),
      agent_version: text(),
      include_archived: flag,
    },
    answer: ref('SessionPage'),
  },
  {
    method: 'post',
    path: '/v1/sessions',
    id: 'createSession',
    summary: 'Make a session',
    headers: { 'idempotency-key': text(256) },
    body: ref('CreateSession'),
    answer: ref('Session'),
  },
  {
    method: 'put',
    path: '/v1/sessions/{session}',
    id: 'putSession',
    summary: 'Make a session of a chosen name',
    body: ref('CreateSession'),
    answer: ref('Session'),
  },
  {
    method: 'get',
    path: '/v1/sessions/{session}',
    id: 'getSession',
    summary: 'A session, with status, usage and what it waits for',
    answer: ref('Session'),
  },
  {
    method: 'post',
    path: '/v1/sessions/{session}',
    id: 'updateSession',
    summary: 'Change title, metadata, budget, limits or scratch state',
    body: ref('UpdateSession'),
    answer: ref('Session'),
  },
  {
    method: 'delete',
    path: '/v1/sessions/{session}',
    id: 'deleteSession',
    summary: 'Delete a session and its events',
    answer: deleted,
  },
  ...(['start', 'pause', 'resume', 'end', 'archive'] as const).map(
    (act): Operation => ({
      method: 'post',
      path: `/v1/sessions/{session}/${act}`,
      id: `${act}Session`,
      summary: `Lifecycle: ${act}`,
      answer: ref('Session'),
    }),
  ),
  {
    method: 'get',
    path: '/v1/sessions/{session}/audit',
    id: 'getAudit',
    summary: 'Who did what to the session',
    answer: ref('Audit'),
  },
  {
    method: 'get',
    path: '/v1/sessions/{session}/usage',
    id: 'getSessionUsage',
    summary: 'What the session has taken in, by days',
    answer: ref('Usage'),
  },
];

/** Of a session, and of a thread of it. */
const events = (at: string, name: string): readonly Operation[] => [
  {
    method: 'get',
    path: `${at}/events`,
    id: `list${name}Events`,
    summary: 'Events, page by page, or those that a search finds, with what stands around them',
    query: { ...listing, ...finding },
    answer: ref('EventPage'),
  },
  {
    method: 'post',
    path: `${at}/events`,
    id: `send${name}Events`,
    summary: 'Append one event, or several as one',
    query: { expected: whole() },
    headers: { 'idempotency-key': text(256), 'stream-match-seq': text() },
    body: ref('SendEvents'),
    answer: ref('SentEvents'),
  },
  {
    method: 'get',
    path: `${at}/stream`,
    id: `stream${name}Events`,
    summary: 'Events from now on, or from a place, as server-sent events',
    query: following,
    headers: { 'last-event-id': text() },
    streams: 'text/event-stream',
  },
];

const ofSession: readonly Operation[] = [
  ...events('/v1/sessions/{session}', ''),
  {
    method: 'get',
    path: '/v1/sessions/{session}/events/stream',
    id: 'streamEventsAsVendor',
    summary: 'As /v1/sessions/{session}/stream',
    query: following,
    headers: { 'last-event-id': text() },
    streams: 'text/event-stream',
  },
  {
    method: 'get',
    path: '/v1/sessions/{session}/events/{event}',
    id: 'getEvent',
    summary: 'One event, by its id or its seq',
    answer: ref('Event'),
  },
  {
    method: 'get',
    path: '/v1/sessions/{session}/threads',
    id: 'listThreads',
    summary: 'Threads of a session',
    query: { 'statuses[]': list(text()) },
    answer: ref('ThreadPage'),
  },
  {
    method: 'get',
    path: '/v1/sessions/{session}/threads/{thread}',
    id: 'getThread',
    summary: 'A thread',
    answer: ref('Thread'),
  },
  {
    method: 'post',
    path: '/v1/sessions/{session}/threads/{thread}/archive',
    id: 'archiveThread',
    summary: 'Archive a thread',
    answer: ref('Thread'),
  },
  ...events('/v1/sessions/{session}/threads/{thread}', 'Thread'),
  {
    method: 'get',
    path: '/v1/sessions/{session}/facts',
    id: 'listFacts',
    summary: 'Durable facts, as they are or as they stood when an event was appended',
    query: { at_seq: whole() },
    answer: ref('Facts'),
  },
  {
    method: 'get',
    path: '/v1/sessions/{session}/facts/{key}',
    id: 'getFact',
    summary: 'The value of a fact; ETag is its version',
    answer: anything,
  },
  {
    method: 'put',
    path: '/v1/sessions/{session}/facts/{key}',
    id: 'putFact',
    summary: 'Put a fact, on a condition',
    headers: conditions,
    body: anything,
    answer: anything,
  },
  {
    method: 'delete',
    path: '/v1/sessions/{session}/facts/{key}',
    id: 'deleteFact',
    summary: 'Delete a fact, on a condition',
    headers: conditions,
    status: 204,
  },
  {
    method: 'get',
    path: '/v1/sessions/{session}/resources',
    id: 'listResources',
    summary: 'Resources, as they were given',
    answer: object({ data: list(ref('Resource')) }, ['data']),
  },
  {
    method: 'post',
    path: '/v1/sessions/{session}/resources',
    id: 'addResource',
    summary: 'Add a resource',
    body: ref('Resource'),
    answer: ref('Resource'),
  },
  {
    method: 'get',
    path: '/v1/sessions/{session}/resources/{resource}',
    id: 'getResource',
    summary: 'A resource',
    answer: ref('Resource'),
  },
  {
    method: 'post',
    path: '/v1/sessions/{session}/resources/{resource}',
    id: 'updateResource',
    summary: 'Change a resource',
    body: object({ authorization_token: text() }),
    answer: ref('Resource'),
  },
  {
    method: 'delete',
    path: '/v1/sessions/{session}/resources/{resource}',
    id: 'deleteResource',
    summary: 'Delete a resource',
    answer: deleted,
  },
  {
    method: 'get',
    path: '/v1/sessions/{session}/tokens',
    id: 'listTokens',
    summary: 'Client tokens that are good',
    answer: object({ data: list(ref('Token')) }, ['data']),
  },
  {
    method: 'post',
    path: '/v1/sessions/{session}/tokens',
    id: 'createToken',
    summary: 'Make a token that opens this session only',
    body: ref('WriteToken'),
    status: 201,
    answer: ref('Token'),
  },
  {
    method: 'delete',
    path: '/v1/sessions/{session}/tokens/{token}',
    id: 'revokeToken',
    summary: 'Revoke a token, and end what it follows',
    status: 204,
  },
];

/** Of agents, and of environments. */
const definitions = (path: string, name: string): readonly Operation[] => [
  {
    method: 'get',
    path,
    id: `list${name}s`,
    summary: `${name}s by the time of their making`,
    query: { ...order, ...paging, ...times('created_at'), include_archived: flag },
    answer: ref(`${name}Page`),
  },
  {
    method: 'post',
    path,
    id: `create${name}`,
    summary: `Make one`,
    body: ref(`Write${name}`),
    answer: ref(name),
  },
  {
    method: 'get',
    path: `${path}/{id}`,
    id: `get${name}`,
    summary: 'One, as it is or as a version has it',
    query: { version: whole(1) },
    answer: ref(name),
  },
  {
    method: 'post',
    path: `${path}/{id}`,
    id: `update${name}`,
    summary: 'Make its next version',
    body: ref(`Write${name}`),
    answer: ref(name),
  },
  {
    method: 'post',
    path: `${path}/{id}/archive`,
    id: `archive${name}`,
    summary: 'Archive it',
    answer: ref(name),
  },
];

export const operations: readonly Operation[] = [
  ...sessions,
  ...ofSession,
  ...definitions('/v1/agents', 'Agent'),
  {
    method: 'get',
    path: '/v1/agents/{id}/versions',
    id: 'listAgentVersions',
    summary: 'Versions of an agent',
    query: paging,
    answer: ref('AgentPage'),
  },
  ...definitions('/v1/environments', 'Environment'),
  {
    method: 'delete',
    path: '/v1/environments/{id}',
    id: 'deleteEnvironment',
    summary: 'Delete an environment',
    answer: deleted,
  },
  {
    method: 'get',
    path: '/v1/search',
    id: 'search',
    summary: 'Events of all sessions, by words',
    query: { q: text(1_024), limit: whole(1, 100), page: text(), group: oneOf('session') },
    answer: ref('Hits'),
  },
  {
    method: 'get',
    path: '/v1/usage',
    id: 'getUsage',
    summary: 'What all sessions have taken in, by days, in sum or each',
    query: { from: text(10), to: text(10), by: oneOf('day', 'session'), ...paging },
    answer: ref('Usage'),
  },
  {
    method: 'post',
    path: '/v1/traces',
    id: 'exportTraces',
    summary: 'Spans of agents, as OTLP/HTTP exports them, JSON or protobuf',
    body: anything,
    answer: anything,
  },
  {
    method: 'get',
    path: '/v1/export',
    id: 'exportEvents',
    summary: 'Events of all sessions, in the order of the log, a line each',
    query: {
      after: text(),
      before: text(),
      limit: whole(),
      checkpoints: flag,
      session: text(),
      'types[]': list(text()),
      ...times('time'),
      from_seq: whole(),
      to_seq: whole(),
    },
    streams: 'application/x-ndjson',
  },
  ...keepingOperations,
  ...keyOperations('/v1/keys', ''),
  ...adminOperations,
  ...keyOperations('/v1/admin/tenants/{id}/keys', 'Tenant'),
];
