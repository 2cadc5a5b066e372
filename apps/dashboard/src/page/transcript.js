// Events as they are read: turns, model requests, and tool calls with their results.
//
// (1) Rows are only added at the end; a row changes where an event answers it. Taking one more event costs
//     the same however many there are.
// (2) Every event belongs to one row, so that a link to it leads somewhere.
// (3) Any event may be missing before the first: what answers one that is not there stands for itself.

import { contentText, isFields } from './event-text.js';

/** @typedef {import('./event-text.js').Fields} Fields */

/**
 * @typedef {object} Row
 * @property {string} kind turn, message, request, tool, result, status, error or other
 * @property {string} key
 * @property {number} seq of its first event
 * @property {number} index
 * @property {number} version counts its changes
 * @property {Fields} event
 * @property {number | undefined} atMs
 * @property {number | undefined} endMs when it was answered, or over
 * @property {string} [who] of a message: user, agent, system or thinking
 * @property {Fields | undefined} [result] of a tool
 * @property {number | undefined} [resultSeq]
 * @property {string | undefined} [state] of a tool: running, elsewhere, waiting, allowed, denied, done or failed
 * @property {Fields | undefined} [usage]
 * @property {number} [tokens]
 * @property {number} [tools]
 * @property {number} [requests]
 * @property {boolean} [tellsStatus] of a turn: somebody writes when it runs and when it is over
 */

/** @type {Record<string, string>} */
const speakers = {
  'user.message': 'user',
  'agent.message': 'agent',
  'system.message': 'system',
  'agent.thinking': 'thinking',
};

/** @param {Fields} event */
const timeOf = (event) => {
  const atMs = Date.parse(String(event['processed_at']));
  return Number.isNaN(atMs) ? undefined : atMs;
};

/** @param {string} type */
export const isToolUse = (type) => type.startsWith('agent.') && type.endsWith('tool_use');
/** @param {string} type */
export const isToolResult = (type) => type.endsWith('tool_result');

/**
 * The id of what a result answers, by whichever name its kind has for it.
 * @param {Fields} event
 */
const answeredId = (event) =>
  event['tool_use_id'] ?? event['mcp_tool_use_id'] ?? event['custom_tool_use_id'];

/** @param {Fields} usage */
const tokensIn = (usage) =>
  ['input_tokens', 'output_tokens'].reduce(
    (sum, name) => sum + (Number.isFinite(usage[name]) ? usage[name] : 0),
    0,
  );

export class Transcript {
  /** @type {Row[]} */
  rows = [];
  /** @type {Map<number, Row>} */
  #bySeq = new Map();
  /** Tool calls and model requests, by the ids that answers name. @type {Map<string, Row>} */
  #open = new Map();
  /** @type {Row | undefined} */
  #turn;

  /** @param {number} seq */
  rowOf(seq) {
    return this.#bySeq.get(seq);
  }

  /** @param {string} id of a tool call */
  toolOf(id) {
    return this.#open.get(id);
  }

  /**
   * @param {number} seq
   * @param {Fields} event
   */
  push(seq, event) {
    const row = this.#take(seq, event);
    this.#bySeq.set(seq, row);
  }

  /**
   * @param {number} seq
   * @param {Fields} event
   * @returns {Row}
   */
  #take(seq, event) {
    const type = String(event['type']);
    if (type === 'user.message') return this.#userMessage(seq, event);
    if (type in speakers) return this.#add('message', { seq, event }, { who: speakers[type] });
    if (isToolUse(type)) return this.#toolUse(seq, event);
    if (isToolResult(type)) return this.#toolResult(seq, event);
    if (type === 'user.tool_confirmation') return this.#confirmation(seq, event);
    if (type === 'span.model_request_start') return this.#requestStart(seq, event);
    if (type === 'span.model_request_end') return this.#requestEnd(seq, event);
    if (type === 'session.status_running') return this.#running(seq, event);
    if (type === 'session.status_idle' || type === 'session.status_terminated') {
      return this.#over(seq, event);
    }
    if (type === 'session.error') return this.#add('error', { seq, event });
    return this.#add(type.startsWith('session.') ? 'status' : 'other', { seq, event });
  }

  /**
   * @param {string} kind
   * @param {{ seq: number, event: Fields }} told
   * @param {Partial<Row>} [more]
   * @returns {Row}
   */
  #add(kind, { seq, event }, more) {
    const place = { key: `${kind[0]}${seq}`, seq, index: this.rows.length, version: 0 };
    const row = { kind, ...place, event, atMs: timeOf(event), endMs: undefined, ...more };
    this.rows.push(row);
    return row;
  }

  /**
   * @param {number} seq
   * @param {Fields} event
   * @returns {Row}
   */
  #begin(seq, event) {
    this.#turn = this.#add('turn', { seq, event }, { tokens: 0, tools: 0, requests: 0 });
    return this.#turn;
  }

  /** @param {Partial<Row>} more */
  #count(more) {
    const turn = this.#turn;
    if (turn === undefined) return;
    turn.tokens = (turn.tokens ?? 0) + (more.tokens ?? 0);
    turn.tools = (turn.tools ?? 0) + (more.tools ?? 0);
    turn.requests = (turn.requests ?? 0) + (more.requests ?? 0);
    turn.version += 1;
  }

  /**
   * What is said while a turn runs belongs to it; where nobody writes statuses each message begins one.
   * @param {number} seq
   * @param {Fields} event
   */
  #userMessage(seq, event) {
    if (this.#turn === undefined || this.#turn.tellsStatus !== true) this.#begin(seq, event);
    return this.#add('message', { seq, event }, { who: 'user' });
  }

  /**
   * @param {number} seq
   * @param {Fields} event
   */
  #running(seq, event) {
    const turn = this.#turn ?? this.#begin(seq, event);
    turn.tellsStatus = true;
    return turn;
  }

  /**
   * @param {number} seq
   * @param {Fields} event
   */
  #over(seq, event) {
    const turn = this.#turn;
    if (turn !== undefined) {
      turn.endMs = timeOf(event);
      turn.version += 1;
      this.#turn = undefined;
    }
    const reason = event['stop_reason'];
    const ids = isFields(reason) && Array.isArray(reason['event_ids']) ? reason['event_ids'] : [];
    for (const id of ids) {
      const tool = this.#open.get(String(id));
      const isOpen = tool?.state === 'running' || tool?.state === 'elsewhere';
      if (tool !== undefined && isOpen) this.#change(tool, { state: 'waiting' });
    }
    return this.#add('status', { seq, event });
  }

  /**
   * @param {Row} row
   * @param {Partial<Row>} change
   */
  #change(row, change) {
    Object.assign(row, change);
    row.version += 1;
    return row;
  }

  /**
   * @param {number} seq
   * @param {Fields} event
   */
  #toolUse(seq, event) {
    // A thread's call is told here as well; what comes of it is on the thread's own stream.
    const isElsewhere = typeof event['session_thread_id'] === 'string';
    const state = isElsewhere ? 'elsewhere' : 'running';
    const row = this.#add('tool', { seq, event }, { state });
    this.#open.set(String(event['id']), row);
    if (typeof event['tool_use_id'] === 'string') this.#open.set(event['tool_use_id'], row);
    this.#count({ tools: 1 });
    return row;
  }

  /**
   * @param {number} seq
   * @param {Fields} event
   */
  #toolResult(seq, event) {
    const tool = this.#open.get(String(answeredId(event)));
    if (tool === undefined || tool.result !== undefined) return this.#add('result', { seq, event });
    const state = event['is_error'] === true ? 'failed' : 'done';
    return this.#change(tool, { state, result: event, resultSeq: seq, endMs: timeOf(event) });
  }

  /**
   * @param {number} seq
   * @param {Fields} event
   */
  #confirmation(seq, event) {
    const tool = this.#open.get(String(answeredId(event)));
    if (tool === undefined) return this.#add('other', { seq, event });
    const state = event['result'] === 'deny' ? 'denied' : 'allowed';
    return tool.result === undefined ? this.#change(tool, { state }) : tool;
  }

  /**
   * @param {number} seq
   * @param {Fields} event
   */
  #requestStart(seq, event) {
    const row = this.#add('request', { seq, event }, { state: 'running' });
    this.#open.set(String(event['id']), row);
    this.#count({ requests: 1 });
    return row;
  }

  /**
   * @param {number} seq
   * @param {Fields} event
   */
  #requestEnd(seq, event) {
    const usage = isFields(event['model_usage']) ? event['model_usage'] : {};
    const known = this.#open.get(String(event['model_request_start_id']));
    const tokens = tokensIn(usage);
    this.#count({ tokens, requests: known === undefined ? 1 : 0 });
    const state = event['is_error'] === true ? 'failed' : 'done';
    const end = { state, usage, endMs: timeOf(event) };
    if (known === undefined || known.usage !== undefined)
      return this.#add('request', { seq, event }, end);
    return this.#change(known, end);
  }
}

/**
 * How long a row took; undefined while that is not known.
 * @param {Row} row
 */
export const tookMs = ({ atMs, endMs }) =>
  atMs === undefined || endMs === undefined ? undefined : Math.max(0, endMs - atMs);

/** @param {Row} row */
export const isFailed = ({ kind, state, event }) =>
  kind === 'error' ||
  state === 'failed' ||
  event['is_error'] === true ||
  (kind === 'status' && event['type'] === 'session.status_terminated' && isFields(event['error']));

/**
 * What was done with each tool, the most used first.
 * @param {readonly Row[]} rows
 */
export function toolCounts(rows) {
  /** @type {Map<string, { name: string, calls: number, failures: number, times: number[], last: Row }>} */
  const byName = new Map();
  for (const row of rows) {
    if (row.kind !== 'tool') continue;
    const name = String(row.event['name'] ?? row.event['type']);
    const counts = byName.get(name) ?? { name, calls: 0, failures: 0, times: [], last: row };
    byName.set(name, counts);
    counts.calls += 1;
    counts.last = row;
    if (row.state === 'failed') counts.failures += 1;
    const ms = tookMs(row);
    if (ms !== undefined) counts.times.push(ms);
  }
  return [...byName.values()]
    .map(({ times, ...counts }) => ({ ...counts, medianMs: medianOf(times) }))
    .sort((one, other) => other.calls - one.calls || (one.name < other.name ? -1 : 1));
}

/**
 * @param {number[]} values
 * @returns {number | undefined}
 */
function medianOf(values) {
  const sorted = values.sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined || sorted.length % 2 === 1) return upper;
  return ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** @param {Row} row */
export const messageText = ({ event }) =>
  contentText(event['content'] ?? event['text'] ?? event['thinking'] ?? event['message']);
