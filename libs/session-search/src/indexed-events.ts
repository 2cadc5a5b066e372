// Events as they are given to an index.

import { jsonTypeOf, parseTimestamp } from '@tidemark/protocol';
import type { SearchEvent } from '@tidemark/search';
import { processedAtOf } from '@tidemark/sessions-api';
import { textOf } from '@tidemark/std';

const uses: ReadonlySet<string> = new Set([
  'agent.tool_use',
  'agent.mcp_tool_use',
  'agent.custom_tool_use',
]);
/** Results, and what of each names the call that it answers. */
const results: ReadonlyMap<string, string> = new Map([
  ['agent.tool_result', 'tool_use_id'],
  ['agent.mcp_tool_result', 'mcp_tool_use_id'],
  ['user.tool_result', 'tool_use_id'],
  ['user.custom_tool_result', 'custom_tool_use_id'],
]);

/** Calls that are remembered: a result comes soon behind its own. */
const callsMax = 256;

/** Of one session, in order: results are told with the tool that was called. */
export class EventReader {
  readonly #session: string;
  readonly #calls = new Map<string, string>();

  constructor(session: string) {
    this.#session = session;
  }

  /** Undefined where the event is none that is indexed. */
  read(seq: number, body: Uint8Array): SearchEvent | undefined {
    const type = jsonTypeOf(body);
    if (type === undefined) return undefined;
    const timeMs = parseTimestamp(processedAtOf(body) ?? '') ?? 0;
    const event = { session: this.#session, seq, timeMs, body };
    const answered = results.get(type);
    if (!uses.has(type) && answered === undefined) return event;
    const parsed = JSON.parse(textOf(body)) as Readonly<Record<string, unknown>>;
    if (answered === undefined) {
      this.#remember(parsed['id'], parsed['name']);
      return event;
    }
    const tool = this.#calls.get(String(parsed[answered]));
    return tool === undefined ? event : { ...event, tool };
  }

  #remember(id: unknown, name: unknown): void {
    if (typeof id !== 'string' || typeof name !== 'string') return;
    this.#calls.set(id, name);
    const [oldest] = this.#calls.keys();
    if (this.#calls.size > callsMax && oldest !== undefined) this.#calls.delete(oldest);
  }
}
