import { bodyOf, type Edge } from '@tidemark/edge';
import { fieldsOf, requiredText } from '@tidemark/sessions-api';
import { parameterIn } from '../sessions/parts.ts';
import { storedKey } from './credential-store.ts';
import type { RunParts } from './parts.ts';

export function addCredentialWrites(edge: Edge, { tenancy, credentials }: RunParts): void {
  edge.post('/v3/credentials', async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const fields = fieldsOf(bodyOf(request));
    const created = await credentials.create(tenant, storedKey(fields));
    if (fields['is_default'] !== true) return reply.code(201).send(created);
    await credentials.setDefault(tenant, String(created['id']));
    return reply.code(201).send({ ...created, is_default: true });
  });

  edge.put('/v3/credentials/default', async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const id = requiredText(fieldsOf(bodyOf(request)), 'credential', 256);
    await credentials.setDefault(tenant, id);
    return reply.code(204).send();
  });

  edge.patch('/v3/credentials/:id', async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    const { key } = storedKey(fieldsOf(bodyOf(request)));
    return reply.send(await credentials.rotate(tenant, parameterIn(request, 'id'), key));
  });

  edge.delete('/v3/credentials/:id', async (request, reply) => {
    const tenant = await tenancy.tenantOf(request);
    await credentials.delete(tenant, parameterIn(request, 'id'));
    return reply.code(204).send();
  });
}
