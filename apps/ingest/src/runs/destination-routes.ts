// Where a session's events go: told here, delivered by the relay.

import {
  deliveryNamed,
  destinationFrom,
  destinationObject,
  destinationPurpose,
} from '@tidemark/agents-api';
import { bodyOf, type Edge, type EdgeRequest } from '@tidemark/edge';
import { webhookMistake } from '@tidemark/platform';
import { isProblem, Problem } from '@tidemark/protocol';
import {
  type Actor,
  type Destination,
  type DestinationState,
  decidePutDestination,
  decideRedeliver,
  decideRemoveDestination,
  eventIdAt,
  type Redelivery,
  type SessionFact,
} from '@tidemark/session';
import { countField, type Fields, fieldsOf, idOf, malformed } from '@tidemark/sessions-api';
import { parameterIn, type Subject, subjectOf, submit } from '../sessions/parts.ts';
import type { RunParts } from './parts.ts';

export function addDestinationWrites(edge: Edge, parts: RunParts): void {
  const path = '/v3/sessions/:session/destinations';

  edge.post(path, async (request, reply) => {
    const subject = await ownerOf(parts, request);
    const id = idOf('dest', parts.writers.newId());
    const fields = fieldsOf(bodyOf(request));
    return reply.code(201).send(await putDestination(parts, subject, { id, fields }));
  });

  edge.patch(`${path}/:destination`, async (request, reply) => {
    const subject = await ownerOf(parts, request);
    const id = parameterIn(request, 'destination');
    const asked = { id, fields: fieldsOf(bodyOf(request)), isKnown: true };
    return reply.send(await putDestination(parts, subject, asked));
  });

  edge.delete(`${path}/:destination`, async (request, reply) => {
    const subject = await ownerOf(parts, request);
    const id = parameterIn(request, 'destination');
    await submit(parts, subject, decideRemoveDestination(id, subject.actor));
    return reply.code(204).send();
  });

  edge.post(`${path}/:destination/redeliver`, async (request, reply) => {
    const subject = await ownerOf(parts, request);
    const asked = rangeIn(fieldsOf(bodyOf(request)));
    const id = parameterIn(request, 'destination');
    const count = await submit(parts, subject, decideRedeliver(id, asked, subject.actor));
    return reply.code(202).send({ redelivered: count });
  });

  edge.post('/v3/sessions/:session/deliveries/:delivery/redeliver', async (request, reply) => {
    const subject = await ownerOf(parts, request);
    const named = deliveryNamed(parameterIn(request, 'delivery'));
    if (named === undefined) throw new Problem('not-found', 'the session has no such delivery');
    const { destination, seq } = named;
    const one: Asked = (_, stream) => [{ seq, eventId: eventIdAt(stream, seq) }];
    await submit(parts, subject, decideRedeliver(destination, one, subject.actor));
    return reply.code(204).send();
  });
}

type Asked = Parameters<typeof decideRedeliver>[1];

const toRedelivery = ({ seq, eventId }: Redelivery): Redelivery => ({ seq, eventId });

/** Of the deliveries that are remembered: the dead ones, or those of a range. */
function rangeIn(fields: Fields): Asked {
  const { status } = fields;
  const [from, to] = ['from_seq', 'to_seq'].map((name) => countField(fields, name));
  if (status !== undefined && status !== 'dead_letter') {
    throw malformed('status is dead_letter, where only those are meant');
  }
  if (status === undefined && from === undefined && to === undefined) {
    throw malformed('say which: status, or from_seq and to_seq');
  }
  return ({ entries }) =>
    entries
      .filter((entry) => status === undefined || entry.status === 'dead')
      .filter(({ seq }) => seq + 1 >= (from ?? 0) && seq + 1 <= (to ?? Infinity))
      .map(toRedelivery);
}

export async function ownerOf(parts: RunParts, request: EdgeRequest): Promise<Subject> {
  const { session } = await parts.tenancy.identityOf(request);
  if (session === undefined) return subjectOf(parts, request);
  throw new Problem('forbidden', 'a client token reads and steers, and nothing else');
}

interface PutRequest {
  readonly id: string;
  readonly fields: Fields;
  readonly isKnown?: boolean;
}

async function putDestination(
  parts: RunParts,
  subject: Subject,
  { id, fields, isKnown = false }: PutRequest,
): Promise<Fields> {
  const asked = destinationRequest(parts, subject, { id, fields });
  const change = decidePutDestination(
    id,
    (known) => {
      const isMissing = isKnown && (known === undefined || known.isShared === true);
      if (isMissing) return new Problem('not-found', 'the session has no such destination');
      return orProblem(() => destinationFrom(id, known, asked));
    },
    subject.actor,
  );
  return destinationObject(
    subject.name,
    (await submit(parts, subject, change)) as DestinationState,
  );
}

/** What is wrong with a request is told, not thrown, where it is decided on. */
function orProblem(make: () => Destination): Destination | Problem {
  try {
    return make();
  } catch (cause) {
    if (isProblem(cause)) return cause;
    throw cause;
  }
}

export function destinationRequest(
  { tenancy, shards, credentials }: RunParts,
  { tenant }: Pick<Subject, 'tenant'>,
  { id, fields }: Pick<PutRequest, 'id' | 'fields'>,
): Parameters<typeof destinationFrom>[2] {
  return {
    fields,
    nowMs: shards.parts.clock.nowMs(),
    seal: (secret) => credentials.seal(secret, destinationPurpose(tenant.id, id)),
    check: (url) => {
      const mistake = webhookMistake(url, { permitsLoopback: tenancy.isKeyless });
      if (mistake !== undefined) throw malformed(mistake.replace(/^webhook\./, ''));
    },
  };
}

/** What a session is made with gets all of its events. */
export const factOfDestination = (destination: Destination, actor: Actor): SessionFact => ({
  type: 'destination-put',
  destination,
  afterSeq: 0,
  ...actor,
});

export const firstDestinations = (
  parts: RunParts,
  subject: Pick<Subject, 'tenant'>,
  asked: readonly Fields[],
): readonly Destination[] =>
  asked.map((fields) => {
    const id = idOf('dest', parts.writers.newId());
    return destinationFrom(id, undefined, destinationRequest(parts, subject, { id, fields }));
  });
