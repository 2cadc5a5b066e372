import type { AddressInfo } from 'node:net';
import { sleep } from '@tidemark/ports';
import { createEdge, type Edge } from './edge.ts';
import { addOperations } from './operations.ts';
import type { OriginSettings } from './origins.ts';
import type { Platform } from './platform.ts';

/** A role adds its routes, and begins whatever it does by itself. */
export type Role = (edge: Edge, platform: Platform) => RunningRole;

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
}

export interface ServeParts {
  readonly roles: readonly Role[];
  readonly renderMetrics: () => Promise<string>;
  readonly failures?: () => Record<string, string>;
}

export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Lets requests finish, each as the last of its connection, ends live ones, takes no new ones. */
  readonly stop: () => Promise<void>;
}

/** Not accepted yet. Beyond it the kernel forgets what a client takes for connected, for up to a minute. */
const connectionsWaitingMax = 4_096;

/** How long clients with kept connections are served on, once the process is told to stop. */
const lastWordMs = 500;

export async function serve(
  platform: Platform,
  { roles, renderMetrics, failures }: ServeParts,
  settings: ServeSettings,
): Promise<Listening> {
  const { parts, tenancy } = platform;
  const { host, port, drainMs } = settings;
  const edge = createEdge(parts, {
    origins: settings,
    alarms: platform.alarms,
    ...(tenancy.isKeyless ? {} : { peerOf: (headers) => tenancy.peerOf(headers) }),
  });
  addOperations(edge, {
    failures: () => ({ ...platform.failures(), ...failures?.() }),
    renderMetrics,
    clock: parts.clock,
  });
  const started = roles.map((role) => role(edge, platform));
  await edge.listen({ host, port, backlog: connectionsWaitingMax });
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
      await Promise.race([closed, late]);
      await Promise.all(started.map(async (role) => role.end?.()));
    },
  };
}
