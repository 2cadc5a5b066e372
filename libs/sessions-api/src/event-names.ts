// How events are named on a stream. The oldest client that speaks this API takes these names, `message`
// and what begins with `message_`, and drops any other without a word; newer ones take all of them. So
// what it does not know goes by `message`, which every one hands on.

const known: ReadonlySet<string> = new Set([
  'user.message',
  'user.interrupt',
  'user.tool_confirmation',
  'user.custom_tool_result',
  'agent.message',
  'agent.thinking',
  'agent.tool_use',
  'agent.tool_result',
  'agent.mcp_tool_use',
  'agent.mcp_tool_result',
  'agent.custom_tool_use',
  'agent.thread_context_compacted',
  'session.status_running',
  'session.status_idle',
  'session.status_rescheduled',
  'session.status_terminated',
  'session.error',
  'session.deleted',
  'span.model_request_start',
  'span.model_request_end',
]);

export const frameNameOf = (type: string | undefined): string =>
  type !== undefined && known.has(type) ? type : 'message';
