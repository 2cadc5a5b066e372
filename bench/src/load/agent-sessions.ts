import { agentEvents } from './agent-events.ts';
import { byConnections } from './by-connections.ts';
import { jsonHeaders, requestBytes } from './connection.ts';
import type { Target } from './orders.ts';
import { untilTaken } from './until-taken.ts';

export interface AgentSessions {
  readonly target: Target;
  /** The session of each batch, in the order in which they are sent. */
  readonly batches: readonly string[];
  readonly eventsPerBatch: number;
  readonly writers: number;
}

/** Turns of agents, appended in batches; tells the bytes of their bodies. */
export async function appendAgentSessions(order: AgentSessions): Promise<number> {
  const { target, batches, eventsPerBatch, writers } = order;
  const next = agentEvents(1);
  const made = new Set<string>();
  let bytes = 0;
  await byConnections({ target, count: writers }, batches.values(), async (connection, name) => {
    const path = `/v1/stream/${name}`;
    const making = requestBytes({ method: 'PUT', path, headers: jsonHeaders });
    // Whoever makes it a second time is told that it is there.
    if (!made.has(name)) await untilTaken(connection, making);
    made.add(name);
    const body = Buffer.from(`[${Array.from({ length: eventsPerBatch }, next).join(',')}]`);
    bytes += body.length;
    await untilTaken(
      connection,
      requestBytes({ method: 'POST', path, headers: jsonHeaders, body }),
    );
  });
  return bytes;
}
