import {
  bearerOf,
  bodyOf,
  type Edge,
  type EdgeReply,
  type EdgeRequest,
  pathOf,
  type Tenancy,
} from '@tidemark/edge';
import { parseStreamPath } from '@tidemark/protocol';
import { isRefusal, Refusal } from './refusal.ts';
import type { Relay } from './relay.ts';
import {
  parseFields,
  parseStreams,
  parseSubscription,
  parseSubscriptionId,
  parseWakeRequest,
  parseWorker,
} from './subscription-request.ts';
import { Subscriptions } from './subscriptions.ts';

const control = '/v1/stream/__ds';
const one = `${control}/subscriptions/:id`;

export interface RouteParts {
  readonly relay: Relay;
  readonly tenancy: Tenancy;
  /** Where clients reach this server, where it is not where they say they did. */
  readonly publicUrl: string | undefined;
}

type Handler = (request: EdgeRequest, reply: EdgeReply) => Promise<EdgeReply>;

/** Refusals have a form of their own here; everything else is the edge's. */
function refuse(cause: unknown, reply: EdgeReply): EdgeReply {
  if (!isRefusal(cause)) throw cause;
  reply.header('cache-control', 'no-store');
  return reply.code(cause.status).type('application/json').send(JSON.stringify(cause.body));
}

const refusing =
  (handle: Handler): Handler =>
  async (request, reply) => {
    reply.header('cache-control', 'no-store');
    try {
      return await handle(request, reply);
    } catch (cause) {
      return refuse(cause, reply);
    }
  };

const idOf = ({ params }: EdgeRequest): string =>
  parseSubscriptionId((params as { readonly id: string }).id);

function tokenOf({ headers }: Pick<EdgeRequest, 'headers'>): string {
  const bearer = bearerOf(headers);
  if (bearer !== undefined) return bearer;
  throw new Refusal('TOKEN_INVALID', 'send the token of the wake as a bearer token');
}

const json = (reply: EdgeReply, status: number, body: object): EdgeReply =>
  reply.code(status).type('application/json').send(JSON.stringify(body));

export function addSubscriptions(edge: Edge, { relay, tenancy, publicUrl }: RouteParts): void {
  const subscriptions = new Subscriptions(relay);
  const baseUrlOf = (request: EdgeRequest): string =>
    publicUrl ?? `${request.protocol}://${request.host}`;

  edge.put(
    one,
    refusing(async (request, reply) => {
      const tenant = await tenancy.tenantOf(request);
      const parsed = parseSubscription(parseFields(bodyOf(request)), baseUrlOf(request));
      const { isNew, body } = await subscriptions.put(tenant, idOf(request), parsed);
      return json(reply, isNew ? 201 : 200, body);
    }),
  );

  edge.get(
    one,
    refusing(async (request, reply) => {
      const tenant = await tenancy.tenantOf(request);
      return json(reply, 200, await subscriptions.get(tenant, idOf(request)));
    }),
  );

  edge.delete(
    one,
    refusing(async (request, reply) => {
      const tenant = await tenancy.tenantOf(request);
      await subscriptions.delete(tenant, idOf(request));
      return reply.code(204).send();
    }),
  );

  edge.post(
    `${one}/streams`,
    refusing(async (request, reply) => {
      const tenant = await tenancy.tenantOf(request);
      const paths = parseStreams(parseFields(bodyOf(request)));
      await subscriptions.link(tenant, idOf(request), paths);
      return reply.code(204).send();
    }),
  );

  edge.delete(
    `${one}/streams/*`,
    refusing(async (request, reply) => {
      const tenant = await tenancy.tenantOf(request);
      const path = pathOf(request.raw.url ?? '')
        .split('/streams/')
        .slice(1)
        .join('/streams/');
      await subscriptions.unlink(tenant, idOf(request), parseStreamPath(path));
      return reply.code(204).send();
    }),
  );

  addWakes(edge, { subscriptions, tenancy });

  edge.get(`${control}/jwks.json`, { config: { isOpen: true } }, async (_request, reply) => {
    const keys = (await relay.keys()).all.map(({ jwk }) => jwk);
    reply.header('cache-control', 'public, max-age=300').type('application/jwk-set+json');
    return reply.send(JSON.stringify({ keys }));
  });
}

/** What is done to one wake. But for the claim, its token is the authority. */
function addWakes(
  edge: Edge,
  { subscriptions, tenancy }: { subscriptions: Subscriptions; tenancy: Tenancy },
): void {
  edge.post(
    `${one}/claim`,
    refusing(async (request, reply) => {
      const tenant = await tenancy.tenantOf(request);
      const worker = parseWorker(parseFields(bodyOf(request)));
      return json(reply, 200, await subscriptions.claim(tenant, idOf(request), worker));
    }),
  );

  // Verified by its head: a body is read only of whoever holds a token.
  const byToken = {
    config: {
      peerOf: async (request: EdgeRequest) => subscriptions.tenantOf(tokenOf(request)),
    },
    errorHandler: (cause: unknown, _request: EdgeRequest, reply: EdgeReply) => refuse(cause, reply),
  };

  const ack = (kind: 'webhook' | 'pull-wake'): Handler =>
    refusing(async (request, reply) => {
      const token = tokenOf(request);
      const parsed = parseWakeRequest(parseFields(bodyOf(request)));
      return json(reply, 200, await subscriptions.ack(token, idOf(request), { ...parsed, kind }));
    });
  edge.post(`${one}/callback`, byToken, ack('webhook'));
  edge.post(`${one}/ack`, byToken, ack('pull-wake'));

  edge.post(
    `${one}/release`,
    byToken,
    refusing(async (request, reply) => {
      const token = tokenOf(request);
      const { generation, wakeId } = parseWakeRequest(parseFields(bodyOf(request)));
      await subscriptions.release(token, idOf(request), { generation, wakeId });
      return reply.code(204).send();
    }),
  );
}
