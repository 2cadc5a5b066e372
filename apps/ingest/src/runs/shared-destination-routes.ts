// Where the events of a tenant's sessions go: each session that is made names those that there are.

import {
  destinationFrom,
  type SharedDestination,
  sharedDestinations,
  sharedDestinationsIn,
  sharedObject,
} from '@tidemark/agents-api';
import { bodyOf, type Edge } from '@tidemark/edge';
import { hasCode, isProblem, jsonContentType, limits, Problem } from '@tidemark/protocol';
import type { Tenant } from '@tidemark/replica';
import { type Fields, fieldsOf, idOf } from '@tidemark/sessions-api';
import { bytesOf } from '@tidemark/std';
import { definitionOf, replace } from '../sessions/definition-routes.ts';
import { parameterIn } from '../sessions/parts.ts';
import { destinationRequest } from './destination-routes.ts';
import type { RunParts } from './parts.ts';

const path = '/v3/destinations';

export function addSharedDestinationWrites(edge: Edge, parts: RunParts): void {
  const { tenancy } = parts;

  edge.post(path, async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const id = idOf('dest', parts.writers.newId());
    const put = await change(parts, tenant, (known) => {
      if (known.length >= limits.sharedDestinationsMax) throw tooMany();
      const made = madeOf(parts, tenant, { id, fields: fieldsOf(bodyOf(request)) });
      return { all: [...known, made], told: made };
    });
    return reply.code(201).send(sharedObject(put));
  });

  edge.patch(`${path}/:destination`, async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const id = parameterIn(request, 'destination');
    const put = await change(parts, tenant, (known) => {
      const before = oneOf(known, id);
      const made = madeOf(parts, tenant, { id, fields: fieldsOf(bodyOf(request)), before });
      return { all: known.map((each) => (each.id === id ? made : each)), told: made };
    });
    return reply.send(sharedObject(put));
  });

  edge.delete(`${path}/:destination`, async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const id = parameterIn(request, 'destination');
    await change(parts, tenant, (known) => {
      const told = oneOf(known, id);
      return { all: known.filter((each) => each.id !== id), told };
    });
    return reply.code(204).send();
  });
}

const tooMany = (): Problem =>
  new Problem('too-large', `a tenant has at most ${limits.sharedDestinationsMax} destinations`, {
    facts: { limit: 'sharedDestinationsMax', limitBytes: limits.sharedDestinationsMax },
  });

function oneOf(known: readonly SharedDestination[], id: string): SharedDestination {
  const found = known.find((each) => each.id === id);
  if (found !== undefined) return found;
  throw new Problem('not-found', 'there is no such destination');
}

function madeOf(
  parts: RunParts,
  tenant: Tenant,
  {
    id,
    fields,
    before,
  }: {
    readonly id: string;
    readonly fields: Fields;
    readonly before?: SharedDestination | undefined;
  },
): SharedDestination {
  const asked = destinationRequest(parts, { tenant }, { id, fields });
  const { nowMs } = asked;
  const createdAtMs = before?.createdAtMs ?? nowMs;
  return { ...destinationFrom(id, before, asked), createdAtMs, updatedAtMs: nowMs };
}

export async function sharedOf(
  parts: RunParts,
  tenant: Tenant,
): Promise<readonly SharedDestination[]> {
  const stored = await definitionOf(parts, { tenant, name: sharedDestinations });
  return sharedDestinationsIn(stored?.definition);
}

const attemptsMax = 4;

interface Change {
  readonly all: readonly SharedDestination[];
  readonly told: SharedDestination;
}

/** Whoever changes them meanwhile goes first. */
async function change(
  parts: RunParts,
  tenant: Tenant,
  make: (known: readonly SharedDestination[]) => Change,
): Promise<SharedDestination> {
  const target = { tenant, name: sharedDestinations, id: '' };
  await parts.writes.create(tenant, sharedDestinations, {
    contentType: jsonContentType,
    ttlMs: undefined,
    expiresAtMs: undefined,
    isClosed: false,
    fork: undefined,
    events: [bytesOf(JSON.stringify({ destinations: [] }))],
  });
  for (let attempt = 1; ; attempt += 1) {
    try {
      let told: SharedDestination | undefined;
      await replace(parts, target, (stored) => {
        const next = make(sharedDestinationsIn(stored));
        told = next.told;
        return { destinations: next.all };
      });
      if (told !== undefined) return told;
    } catch (cause) {
      const isLate = isProblem(cause) && hasCode(cause, 'seq-conflict');
      if (!isLate || attempt >= attemptsMax) throw cause;
    }
  }
}
