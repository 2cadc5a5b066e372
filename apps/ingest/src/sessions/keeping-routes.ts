// What sessions keep: policies, heads, holds, redaction. All of it takes the scope admin.

import { bodyOf, type Edge, type EdgeRequest } from '@tidemark/edge';
import { Problem } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import type { PlannedSession, RetentionSweep, TenantRegistry } from '@tidemark/replica/write';
import {
  decideHold,
  decideRedact,
  decideReleaseHold,
  decideRetain,
  decideTrim,
  liveStream,
  type RetentionPolicy,
  seqOfEventId,
} from '@tidemark/session';
import {
  countField,
  type Fields,
  fieldsOf,
  keepingObject,
  retentionObject,
  sessionPrefixes,
  textField,
} from '@tidemark/sessions-api';
import {
  parameterIn,
  type SessionWriteParts,
  type Subject,
  subjectOf,
  submit,
  tell,
} from './parts.ts';

interface KeepingParts extends SessionWriteParts {
  readonly registry: TenantRegistry;
  readonly sweep: RetentionSweep;
}

const config = { scope: 'admin' } as const;
/** Of those that a policy would let something go of; the figures are of all. */
const previewMax = 1_000;

export function addKeepingWrites(edge: Edge, parts: KeepingParts): void {
  for (const prefix of sessionPrefixes) addSessionKeeping(edge, parts, `${prefix}/:session`);
  addTenantRetention(edge, parts);
  addMaterialized(edge, parts);
}

function addSessionKeeping(edge: Edge, parts: KeepingParts, path: string): void {
  const told = (subject: Subject): Promise<Fields> => tell(parts, subject, keepingObject);

  edge.put(`${path}/retention`, { config }, async (request, reply) => {
    const subject = await subjectOf(parts, request);
    if (subject.tenant.retention === undefined) {
      const detail =
        'nothing is let go of this tenant: PUT /v1/retention, {} for what sessions say';
      throw new Problem('invalid-request', detail);
    }
    const policy = policyIn(fieldsOf(bodyOf(request)));
    await submit(parts, subject, decideRetain(policy, subject.actor));
    return reply.send(await told(subject));
  });

  edge.delete(`${path}/retention`, { config }, async (request, reply) => {
    const subject = await subjectOf(parts, request);
    await submit(parts, subject, decideRetain(null, subject.actor));
    return reply.send(await told(subject));
  });

  edge.put(`${path}/hold`, { config }, async (request, reply) => {
    const subject = await subjectOf(parts, request);
    const reason = textField(fieldsOf(bodyOf(request)), 'reason', 1_024) ?? '';
    await submit(parts, subject, decideHold(reason, subject.actor));
    return reply.send(await told(subject));
  });

  edge.delete(`${path}/hold`, { config }, async (request, reply) => {
    const subject = await subjectOf(parts, request);
    await submit(parts, subject, decideReleaseHold(subject.actor));
    return reply.send(await told(subject));
  });

  edge.post(`${path}/trim`, { config }, async (request, reply) => {
    const subject = await subjectOf(parts, request);
    const seq = countField(fieldsOf(bodyOf(request)), 'before_seq');
    if (seq === undefined) throw new Problem('invalid-request', 'before_seq is required');
    await submit(
      parts,
      subject,
      decideTrim({ seq, position: await positionOf(parts, subject, seq) }, subject.actor),
    );
    return reply.send(await told(subject));
  });

  edge.post(`${path}/events/:event/redact`, { config }, async (request, reply) => {
    const subject = await subjectOf(parts, request);
    const seq = await seqOf(parts, subject, parameterIn(request, 'event'));
    await submit(parts, subject, decideRedact(seq, subject.actor));
    return reply.send(await told(subject));
  });
}

/** Where the event lies, in a session of bytes. */
function positionOf(
  { shards }: KeepingParts,
  { tenant, name }: Subject,
  seq: number,
): Promise<number> {
  const { replica, key } = shards.locate(tenant, name);
  return replica.with(key, (session) => {
    const { stream } = session.state;
    if (stream === undefined || stream.isJson) return seq;
    return shards.reader.positionOf({ replica, session }, seq);
  });
}

/** By its seq, or by the id that the server gave it. */
async function seqOf(
  { shards }: KeepingParts,
  { tenant, name }: Subject,
  text: string,
): Promise<number> {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const { replica, key } = shards.locate(tenant, name);
  await replica.readIndex();
  return replica.with(key, ({ state }) => {
    const stream = liveStream(state);
    if (stream instanceof Problem) throw stream;
    const seq = seqOfEventId(stream, text);
    if (seq === undefined) throw new Problem('not-found', 'the session has no such event');
    return seq;
  });
}

function policyIn(fields: Fields): RetentionPolicy {
  const [age, bytes, ended] = ['age_seconds', 'bytes', 'ended_seconds'].map((name) =>
    countField(fields, name),
  );
  return {
    ...(age !== undefined && { ageMs: age * 1_000 }),
    ...(bytes !== undefined && { bytes }),
    ...(ended !== undefined && { endedMs: ended * 1_000 }),
  };
}

function addTenantRetention(edge: Edge, parts: KeepingParts): void {
  const { registry, shards, tenancy, sweep } = parts;

  const answer = async (request: EdgeRequest): Promise<Fields> => {
    const { id } = await tenancy.tenantOf(request);
    const tenant = (await shards.currentDirectory()).get(id);
    return { retention: retentionObject(tenant?.retention) };
  };

  edge.get('/v1/retention', async (request, reply) => reply.send(await answer(request)));

  edge.put('/v1/retention', { config }, async (request, reply) => {
    const { id } = await tenancy.tenantOf(request);
    await registry.retain(id, policyIn(fieldsOf(bodyOf(request))));
    return reply.send(await answer(request));
  });

  edge.delete('/v1/retention', { config }, async (request, reply) => {
    const { id } = await tenancy.tenantOf(request);
    await registry.retain(id, null);
    return reply.send(await answer(request));
  });

  edge.post('/v1/retention/preview', { config }, async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    return reply.send(await previewOf(sweep, tenant, policyIn(fieldsOf(bodyOf(request)))));
  });
}

/** What all events of the tenant are exported to, as they are archived. */
function addMaterialized(edge: Edge, parts: KeepingParts): void {
  const { registry, shards, tenancy } = parts;
  const path = '/v1/export/materialized';

  const answer = async (request: EdgeRequest): Promise<Fields> => {
    const { id } = await tenancy.tenantOf(request);
    const { materialized } = (await shards.currentDirectory()).get(id) ?? {};
    return { format: materialized?.isOn === true ? materialized.format : null };
  };

  edge.get(path, { config }, async (request, reply) => reply.send(await answer(request)));

  edge.put(path, { config }, async (request, reply) => {
    const { id } = await tenancy.tenantOf(request);
    const { format } = fieldsOf(bodyOf(request));
    if (format !== 'parquet' && format !== 'ndjson') {
      throw new Problem('invalid-request', 'format is parquet or ndjson');
    }
    await registry.materialize(id, format);
    return reply.send(await answer(request));
  });

  edge.delete(path, { config }, async (request, reply) => {
    const { id } = await tenancy.tenantOf(request);
    await registry.materialize(id, undefined);
    return reply.send(await answer(request));
  });
}

async function previewOf(
  sweep: RetentionSweep,
  tenant: Tenant,
  policy: RetentionPolicy,
): Promise<Fields> {
  const totals = { trimmed: 0, deleted: 0, held: 0, forked: 0, events: 0, bytes: 0 };
  const data: Fields[] = [];
  for await (const planned of sweep.plan(tenant, { policy })) {
    const { plan } = planned;
    if (plan.kind === 'trim') totals.trimmed += 1;
    else if (plan.kind === 'delete') totals.deleted += 1;
    else if (plan.kind !== 'keep') totals[plan.kind] += 1;
    if ('events' in plan) {
      totals.events += plan.events;
      totals.bytes += plan.bytes;
    }
    if (data.length < previewMax) data.push(plannedObject(planned));
  }
  return { data, totals };
}

function plannedObject({ name, plan }: PlannedSession): Fields {
  const common = { session_id: name, does: plan.kind };
  if (plan.kind === 'trim') {
    return { ...common, head_seq: plan.head.seq, events: plan.events, bytes: plan.bytes };
  }
  return plan.kind === 'delete' ? { ...common, events: plan.events, bytes: plan.bytes } : common;
}
