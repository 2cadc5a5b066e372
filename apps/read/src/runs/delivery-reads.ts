// Destinations, and what became of each delivery, under `/v3`.

import {
  deliveryObject,
  destinationObject,
  sharedDestinations,
  sharedDestinationsIn,
  sharedObject,
} from '@tidemark/agents-api';
import { type Edge, type EdgeRequest, parameterOf, queryOf } from '@tidemark/edge';
import { Problem } from '@tidemark/protocol';
import { destinationOf, type StreamState } from '@tidemark/session';
import { type Fields, parseLimit } from '@tidemark/sessions-api';
import { allDefinitions } from '../sessions/definition-routes.ts';
import { openView, parameterIn } from '../sessions/parts.ts';
import type { RunReadParts } from './event-reads.ts';
import { managed } from './run-reads.ts';

const pageBounds = { fallback: 50, max: 1_000 };

export function addDeliveryReads(edge: Edge, parts: RunReadParts): void {
  const path = '/v3/sessions/:session';
  edge.get(`${path}/destinations`, async (request, reply) => {
    const subject = await managed(parts, request);
    using view = await openView(parts, subject);
    const { destinations } = view.present.aspects.outbox;
    const own = destinations.filter(({ isShared = false }) => !isShared);
    return reply.send({ data: own.map((each) => destinationObject(subject.name, each)) });
  });

  edge.get(`${path}/destinations/:destination`, async (request, reply) => {
    const subject = await managed(parts, request);
    using view = await openView(parts, subject);
    const id = parameterIn(request, 'destination');
    const known = destinationOf(view.present.aspects.outbox, id);
    if (known === undefined || known.isShared === true) {
      throw new Problem('not-found', 'the session has no such destination');
    }
    return reply.send(destinationObject(subject.name, known));
  });

  edge.get(`${path}/deliveries`, async (request, reply) => {
    const subject = await managed(parts, request);
    using view = await openView(parts, subject);
    const query = queryOf(request.raw.url ?? '');
    return reply.send({ data: pageOf(deliveriesOf(view.present, subject.name), query) });
  });

  edge.get(`${path}/deliveries/:delivery`, async (request, reply) => {
    const subject = await managed(parts, request);
    using view = await openView(parts, subject);
    const id = parameterIn(request, 'delivery');
    const known = deliveriesOf(view.present, subject.name).find((each) => each['id'] === id);
    if (known === undefined) throw new Problem('not-found', 'the session has no such delivery');
    return reply.send(known);
  });

  edge.get('/v3/destinations', async (request, reply) =>
    reply.send({ data: await sharedOf(parts, request) }),
  );

  edge.get('/v3/destinations/:destination', async (request, reply) => {
    const id = parameterIn(request, 'destination');
    const known = (await sharedOf(parts, request)).find((each) => each['id'] === id);
    if (known === undefined) throw new Problem('not-found', 'there is no such destination');
    return reply.send(known);
  });
}

async function sharedOf(parts: RunReadParts, request: EdgeRequest): Promise<readonly Fields[]> {
  const tenant = await parts.tenancy.tenantOf(request);
  const [stored] = await allDefinitions(parts, tenant, sharedDestinations);
  return sharedDestinationsIn(stored).map(sharedObject);
}

function pageOf(all: readonly Fields[], query: URLSearchParams): readonly Fields[] {
  const isWanted = (name: string, value: unknown): boolean =>
    (parameterOf(query, name) ?? value) === value;
  const wanted = all.filter(
    ({ destination, status }) => isWanted('destination', destination) && isWanted('status', status),
  );
  const limit = parseLimit(parameterOf(query, 'limit'), pageBounds);
  const after = parameterOf(query, 'after');
  const first = after === undefined ? 0 : wanted.findIndex(({ id }) => id === after) + 1;
  return wanted.slice(first, first + limit);
}

const deliveriesOf = ({ aspects }: StreamState, session: string): readonly Fields[] =>
  aspects.outbox.destinations.flatMap((destination) =>
    destination.entries.map((entry) => deliveryObject(session, destination, entry)),
  );
