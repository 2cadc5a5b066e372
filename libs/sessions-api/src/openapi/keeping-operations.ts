import type { Operation } from './operation.ts';
import { object, oneOf, ref, text, whole } from './schemas.ts';

const at = '/v1/sessions/{session}';
const policy = object({ age_seconds: whole(), bytes: whole(), ended_seconds: whole() });

/** What sessions keep, and what is let go. */
export const keepingOperations: readonly Operation[] = [
  {
    method: 'get',
    path: `${at}/retention`,
    id: 'getSessionRetention',
    summary: 'Where a session begins, what holds it, what it lets go',
    answer: ref('Keeping'),
  },
  {
    method: 'put',
    path: `${at}/retention`,
    id: 'putSessionRetention',
    summary: 'A policy of its own, in place of the tenant’s',
    body: policy,
    answer: ref('Keeping'),
  },
  {
    method: 'delete',
    path: `${at}/retention`,
    id: 'deleteSessionRetention',
    summary: 'As the tenant has it',
    answer: ref('Keeping'),
  },
  {
    method: 'put',
    path: `${at}/hold`,
    id: 'holdSession',
    summary: 'Nothing of it goes until it is released',
    body: object({ reason: text(1_024) }),
    answer: ref('Keeping'),
  },
  {
    method: 'delete',
    path: `${at}/hold`,
    id: 'releaseSession',
    summary: 'What holds it is over',
    answer: ref('Keeping'),
  },
  {
    method: 'post',
    path: `${at}/trim`,
    id: 'trimSession',
    summary: 'Let events go from its beginning on',
    body: object({ before_seq: whole() }, ['before_seq']),
    answer: ref('Keeping'),
  },
  {
    method: 'post',
    path: `${at}/events/{event}/redact`,
    id: 'redactEvent',
    summary: 'Take away what an event says; its place stays',
    answer: ref('Keeping'),
  },
  {
    method: 'get',
    path: '/v1/retention',
    id: 'getRetention',
    summary: 'What sessions of the tenant let go',
    answer: ref('Retention'),
  },
  {
    method: 'put',
    path: '/v1/retention',
    id: 'putRetention',
    summary: 'Let go from now on; with an empty policy what each session says',
    body: policy,
    answer: ref('Retention'),
  },
  {
    method: 'delete',
    path: '/v1/retention',
    id: 'deleteRetention',
    summary: 'Let nothing go',
    answer: ref('Retention'),
  },
  {
    method: 'get',
    path: '/v1/erasures',
    id: 'getErasure',
    summary: 'Whether what a session keeps no more is gone from the bucket, and what was rewritten',
    query: { session: text() },
    answer: ref('Erasure'),
  },
  {
    method: 'post',
    path: '/v1/retention/preview',
    id: 'previewRetention',
    summary: 'What a policy would let go now, and nothing is',
    body: policy,
    answer: ref('RetentionPreview'),
  },
  {
    method: 'get',
    path: '/v1/export/materialized',
    id: 'getMaterialized',
    summary: 'What events are exported to as they are archived',
    answer: ref('Materialized'),
  },
  {
    method: 'put',
    path: '/v1/export/materialized',
    id: 'putMaterialized',
    summary: 'Export all events to files in the bucket, as they are archived',
    body: object({ format: oneOf('parquet', 'ndjson') }, ['format']),
    answer: ref('Materialized'),
  },
  {
    method: 'delete',
    path: '/v1/export/materialized',
    id: 'deleteMaterialized',
    summary: 'Export nothing more; what was exported stays',
    answer: ref('Materialized'),
  },
];
