// What a session may spend, and whether it has.

import { Problem } from '@tidemark/protocol';
import { isFields, isText } from './shapes.ts';
import type { StreamState } from './state.ts';

/** What ends or answers something that was begun: it passes when everything is spent. */
const settling: ReadonlySet<string> = new Set([
  'user.interrupt',
  'user.tool_confirmation',
  'user.tool_result',
  'user.custom_tool_result',
  'agent.tool_result',
  'agent.mcp_tool_result',
  'session.error',
  'session.usage',
  'session.status_idle',
  'session.status_terminated',
  'session.thread_status_idle',
  'session.thread_status_terminated',
  'span.model_request_end',
  'span.outcome_evaluation_end',
]);

/** The limit that is reached; undefined where there is room. */
export function spentLimit(stream: StreamState): string | undefined {
  const { profile, activity } = stream.aspects;
  const { events, bytes, tokens, turns } = profile.limits;
  const { usage } = activity;
  const used = usage.input_tokens + usage.output_tokens;
  const own = stream.tailSeq - (stream.origin?.seq ?? 0);
  if (events !== undefined && own >= events) return 'events';
  if (bytes !== undefined && stream.bytes >= bytes) return 'bytes';
  if (tokens !== undefined && used >= tokens) return 'tokens';
  if (turns !== undefined && activity.turns >= turns && activity.status !== 'running')
    return 'turns';
  return isCostSpent(stream) ? 'max_list_cost' : undefined;
}

function isCostSpent({ aspects }: StreamState): boolean {
  const { budget } = aspects.profile;
  const cost = budget?.['max_list_cost'];
  const amount = isFields(cost) ? cost['amount'] : undefined;
  const spent = aspects.activity.usage.list_cost;
  return isText(amount) && spent !== undefined && BigInt(spent) >= BigInt(amount);
}

export function spendingRefusal(
  stream: StreamState,
  types: readonly (string | undefined)[] | undefined,
  count: number,
): Problem | undefined {
  const limit = spentLimit(stream);
  if (limit === undefined) return undefined;
  const isSettling =
    types !== undefined &&
    Array.from({ length: count }, (_, index) => types[index]).every(
      (type) => type !== undefined && settling.has(type),
    );
  if (isSettling) return undefined;
  const detail = `the session has spent its budget: only what settles passes. limit=${limit}`;
  return new Problem('budget-reached', detail, { facts: { limit } });
}
