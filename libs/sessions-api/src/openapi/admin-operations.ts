import type { Operation } from './operation.ts';
import { object, ref, text, whole } from './schemas.ts';

/** Of whoever asks, and of a tenant that the operator names. */
export const keyOperations = (path: string, name: string): readonly Operation[] => [
  { method: 'get', path, id: `list${name}Keys`, summary: 'Keys', answer: ref('Keys') },
  {
    method: 'post',
    path,
    id: `create${name}Key`,
    summary: 'Make a key, told once',
    body: ref('WriteKey'),
    status: 201,
    answer: ref('Key'),
  },
  {
    method: 'post',
    path: `${path}/{key}/rotate`,
    id: `rotate${name}Key`,
    summary: 'A new key of the same scopes; the old one ends after the overlap',
    body: object({ overlap_seconds: whole(0, 604_800) }),
    status: 201,
    answer: ref('Key'),
  },
  {
    method: 'delete',
    path: `${path}/{key}`,
    id: `delete${name}Key`,
    summary: 'Revoke a key',
    status: 204,
  },
  {
    method: 'post',
    path: `${path}/revoke`,
    id: `revoke${name}Key`,
    summary: 'Revoke a key by itself',
    body: object({ apiKey: text(256) }, ['apiKey']),
    status: 204,
  },
];

export const adminOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/admin/tenants',
    id: 'listTenants',
    summary: 'All tenants',
    answer: ref('Tenants'),
  },
  {
    method: 'post',
    path: '/v1/admin/tenants',
    id: 'createTenant',
    summary: 'Make a tenant, or confirm that it is so',
    body: ref('WriteTenant'),
    status: 201,
    answer: ref('Tenant'),
  },
  {
    method: 'get',
    path: '/v1/admin/tenants/{id}',
    id: 'getTenant',
    summary: 'A tenant',
    answer: ref('Tenant'),
  },
  {
    method: 'post',
    path: '/v1/admin/tenants/{id}',
    id: 'configureTenant',
    summary: 'Set a tenant’s quotas, all of them, or how its bucket is reached',
    body: object(
      {
        bucket: ref('WriteBucket'),
        quotas: object({
          appendsPerSecond: whole(1),
          bytesPerSecond: whole(1),
          liveConnections: whole(1),
          sessionsPerHour: whole(1),
          eventBytes: whole(1),
        }),
      },
      [],
    ),
    answer: ref('Tenant'),
  },
  ...(['suspend', 'resume'] as const).map(
    (verb): Operation => ({
      method: 'post',
      path: `/v1/admin/tenants/{id}/${verb}`,
      id: `${verb}Tenant`,
      summary: `A tenant’s keys: ${verb}`,
      status: 204,
    }),
  ),
  {
    method: 'post',
    path: '/v1/admin/level',
    id: 'raiseLevel',
    summary: 'Raise the fold level of all shards',
    body: object({ level: whole(1) }, ['level']),
    answer: object({}),
  },
];
