const words = (
  'the agent reads file path error permission denied build test function return value import export const async ' +
  'await result output line token session cursor log segment bucket parse json http request response status code ' +
  'user message tool call input command shell git commit branch merge conflict diff retry timeout memory index'
).split(' ');

/** Numbers that are always the same for a seed. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Turns of an agent as JSON, about 400 bytes each: what a person says, calls, results, usage. */
export function agentEvents(seed: number): () => string {
  const next = uniform(seed);
  const below = (bound: number): number => Math.floor(next() * bound);
  const text = (count: number): string =>
    Array.from({ length: count }, () => words[below(words.length)]).join(' ');
  const kinds = [
    () => ({ type: 'user.message', content: [{ type: 'text', text: text(10 + below(40)) }] }),
    (at: number) => ({
      type: 'agent.tool_use',
      id: `toolu_${at}`,
      name: ['bash', 'read', 'edit', 'grep'][below(4)],
      input: { command: text(8), at },
    }),
    (at: number) => ({
      type: 'agent.tool_result',
      tool_use_id: `toolu_${at - 1}`,
      content: [{ type: 'text', text: text(30 + below(90)) }],
      is_error: below(20) === 0,
    }),
    () => ({
      type: 'span.model_request_end',
      model_usage: { input_tokens: below(9_000), output_tokens: below(900) },
    }),
  ];
  let at = 0;
  return () => {
    at += 1;
    return JSON.stringify(kinds[at % kinds.length]?.(at));
  };
}
