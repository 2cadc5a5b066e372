// Results name their calls by ids of the source; events name one another by ids of ours.

export type ToolCalls = Readonly<Record<string, readonly [event: string, tool: string]>>;

/** Calls that may be open at once; the oldest is given up. */
const callsMax = 128;

export function withCall(calls: ToolCalls, id: string, call: readonly [string, string]): ToolCalls {
  const entries = Object.entries({ ...calls, [id]: call });
  return Object.fromEntries(entries.slice(-callsMax));
}

export function withoutCall(calls: ToolCalls, id: string): ToolCalls {
  const { [id]: _, ...rest } = calls;
  return rest;
}

/** Of a result: its call, and the tool by its name. */
export function answering(
  calls: ToolCalls,
  id: string,
): { readonly tool_use_id: string; readonly tool_name?: string } {
  const call = calls[id];
  return call === undefined ? { tool_use_id: id } : { tool_use_id: call[0], tool_name: call[1] };
}

/** `mcp__server__tool` is a server's. */
export function mcpName(
  name: string,
): { readonly server: string; readonly tool: string } | undefined {
  const [, server, tool] = /^mcp__(.+?)__(.+)$/.exec(name) ?? [];
  return server === undefined || tool === undefined ? undefined : { server, tool };
}
