import type { AddressInfo } from 'node:net';
import { type Listening, type Platform, StartRefusal } from '@tidemark/platform';
import { sleep } from '@tidemark/ports';
import type { FastifyRequest } from 'fastify';
import { createEdge, type Edge } from './edge.ts';
import { addOperations } from './operations.ts';
import type { OriginSettings } from './origins.ts';
import { WriteQuotas } from './quotas.ts';
import { Tenancy } from './tenancy.ts';

/** Where a role is asked, and by whom. */
export interface Front {
  readonly edge: Edge;
  readonly tenancy: Tenancy;
}

/** A role adds its routes, and begins whatever it does by itself. */
export type Role = (front: Front, platform: Platform) => RunningRole;

export interface RunningRole {
  /** Ends its live connections. */
  readonly close?: () => void;
  /** Ends what it does by itself, once no request is under way. */
  readonly end?: () => Promise<void>;
}

export interface ServeSettings extends OriginSettings {
  readonly host: string;
  readonly port: number;
  /** Time for requests to finish once the process is told to stop. */
  readonly drainMs: number;
  /** How long clients with kept connections are served on, once the process is told to stop. */
  readonly lastWordMs?: number;
}

export interface ServeParts {
  readonly roles: readonly Role[];
  readonly renderMetrics: () => Promise<string>;
  readonly failures?: () => Record<string, string>;
}

export interface ListeningServer extends Listening {
  readonly port: number;
}

/** Not accepted yet. Beyond it the kernel forgets what a client takes for connected, for up to a minute. */
const connectionsWaitingMax = 4_096;

const lastWordMsDefault = 500;

const portReasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is taken: stop who has it, or set TIDEMARK_PORT to another, 0 for any',
  EACCES: 'it may not be taken: set TIDEMARK_PORT to one above 1023',
  EADDRNOTAVAIL: 'the address is none of this machine: check TIDEMARK_HOST',
  ENOTFOUND: 'the name resolves to no address: check TIDEMARK_HOST',
};

async function listenAt<T>(address: string, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (cause) {
    const why = portReasons[String((cause as { readonly code?: unknown }).code)];
    if (why === undefined) throw cause;
    throw new StartRefusal(`cannot listen on ${address}: ${why}`, { cause });
  }
}

export async function serve(
  platform: Platform,
  { roles, renderMetrics, failures }: ServeParts,
  settings: ServeSettings,
): Promise<ListeningServer> {
  const { parts, alarms } = platform;
  const { host, port, drainMs, lastWordMs = lastWordMsDefault } = settings;
  const { registry } = platform;
  const tenancy = new Tenancy(platform.shards, {
    isKeyless: platform.isKeyless,
    // When a key was used last is worth a record, and no failure of anybody's request.
    onUse: ({ id }, hash, atMs) => void registry.useKey(id, hash, atMs).catch(() => undefined),
  });
  const quotas = new WriteQuotas(parts.clock);
  const byKeys = tenancy.isKeyless
    ? {}
    : {
        peerOf: tenancy.peerOf.bind(tenancy),
        refusalOf: (request: FastifyRequest) =>
          tenancy.refusalOf(request) ?? quotas.refusalOf(tenancy.knownTenant(request), request),
      };
  const edge = createEdge(parts, { origins: settings, alarms, ...byKeys });
  addOperations(edge, {
    failures: () => ({ ...platform.failures(), ...failures?.() }),
    warnings: () => alarms.warnings(),
    renderMetrics,
    clock: parts.clock,
  });
  const started = roles.map((role) => role({ edge, tenancy }, platform));
  await listenAt(`${host}:${port}`, () =>
    edge.listen({ host, port, backlog: connectionsWaitingMax }),
  );
  const address = edge.server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}`,
    port: address.port,
    async stop() {
      const late = sleep(parts.clock, drainMs).then(() => edge.connections.closeAll());
      const lastWord = sleep(parts.clock, Math.min(drainMs, lastWordMs));
      // A client that has just sent something is not told of a closed connection, but answered.
      await Promise.race([edge.connections.drained(), lastWord]);
      const closed = edge.close();
      // Only now: whoever follows comes back at once, and must not find this process.
      for (const role of started) role.close?.();
      edge.sockets.closeAll();
      await Promise.race([closed, late]);
      await Promise.all(started.map(async (role) => role.end?.()));
    },
  };
}
