// Histories of the OpenAI Agents SDK. An item is an event; what is popped, cleared or replaced is an event as
// well, and the history is the fold of them. What depends on the history as it is, is appended only while it
// is: otherwise it is decided again.

import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type {
  AgentInputItem,
  SessionHistoryRewriteArgs,
  SessionHistoryRewriteAwareSession,
  SessionHistoryTransaction,
  SessionHistoryTransactionArgs,
  SessionHistoryTransactionAwareSession,
} from '@openai/agents-core';
import { digestOf, type Json, openaiDrafts, packed, RecordRestorer } from '@tidemark/agent-formats';
import {
  type ClientOptions,
  type SentEvent,
  SessionsClient,
  type StoredEvent,
} from '@tidemark/sessions-client';
import { decoded, encoded } from './json-codec.ts';
import { SessionFold } from './session-fold.ts';

export interface TidemarkOpenAISessionOptions
  extends Pick<ClientOptions, 'baseUrl' | 'apiKey' | 'fetch'> {
  readonly sessionId?: string;
}

interface History {
  readonly items: readonly AgentInputItem[];
  /** Digests of the transactions that were applied, by the ids of their operations. */
  readonly operations: ReadonlyMap<string, string>;
  readonly restorer: RecordRestorer;
}

const types = {
  cleared: 'openai.history_cleared',
  /** Only the first `keep` items stay; what stands in their place follows. */
  cut: 'openai.history_cut',
  operation: 'openai.operation_applied',
} as const;

export class TidemarkOpenAISession
  implements SessionHistoryRewriteAwareSession, SessionHistoryTransactionAwareSession
{
  readonly #client: SessionsClient;
  readonly #session: string;
  readonly #fold: SessionFold<History>;

  constructor({ sessionId = `openai.${randomUUID()}`, ...options }: TidemarkOpenAISessionOptions) {
    this.#client = new SessionsClient(options);
    this.#session = sessionId;
    this.#fold = new SessionFold(this.#client, { session: sessionId }, { begin, apply });
  }

  getSessionId(): Promise<string> {
    return Promise.resolve(this.#session);
  }

  async getItems(limit?: number): Promise<AgentInputItem[]> {
    const { items } = (await this.#fold.read()).state;
    if (limit === undefined) return structuredClone([...items]);
    return limit <= 0 ? [] : structuredClone(items.slice(-limit));
  }

  async addItems(items: AgentInputItem[]): Promise<void> {
    await this.#client.append({ session: this.#session }, items.flatMap(itemEvents));
  }

  async popItem(): Promise<AgentInputItem | undefined> {
    let popped: AgentInputItem | undefined;
    await this.#fold.change(({ items }) => {
      popped = items.at(-1);
      return popped === undefined ? [] : [cut(items.length - 1)];
    });
    return structuredClone(popped);
  }

  async clearSession(): Promise<void> {
    await this.#fold.change(({ items, operations }) =>
      items.length === 0 && operations.size === 0 ? [] : [{ type: types.cleared }],
    );
  }

  async applyHistoryMutations({ mutations }: SessionHistoryRewriteArgs): Promise<void> {
    if (mutations.length === 0) return;
    await this.#fold.change(({ items }) => {
      let next = items;
      for (const { callId, replacement } of mutations) next = withCall(next, callId, replacement);
      return replacing(items, next);
    });
  }

  async applyHistoryTransaction(args: SessionHistoryTransactionArgs): Promise<void> {
    const { operationId, transaction } = args;
    if (operationId.trim() === '') throw new Error('an operation has an id');
    const digest = digestOf(canonical(encoded(transaction)), 32);
    await this.#fold.change(({ items, operations }) => {
      const applied = operations.get(operationId);
      if (applied === digest) return [];
      if (applied !== undefined) {
        throw new Error('the operation was applied already, with another transaction');
      }
      const events = transactionEvents(items, transaction);
      return [...events, { type: types.operation, operation_id: operationId, digest }];
    });
  }
}

function begin(): History {
  return { items: [], operations: new Map(), restorer: new RecordRestorer() };
}

function apply(history: History, event: StoredEvent): History {
  const { items, operations, restorer } = history;
  switch (event.type) {
    case types.cleared:
      return begin();
    case types.cut:
      return { ...history, items: items.slice(0, Number(event['keep'])) };
    case types.operation: {
      const next = new Map(operations);
      next.set(String(event['operation_id']), String(event['digest']));
      return { ...history, operations: next };
    }
    default: {
      const restored = restorer.take(event);
      if (restored?.format !== 'openai') return history;
      return { ...history, items: [...items, decoded(restored.record) as AgentInputItem] };
    }
  }
}

const cut = (keep: number): SentEvent => ({ type: types.cut, keep });

function itemEvents(item: AgentInputItem): SentEvent[] {
  const record = encoded(item) as Json;
  const id = `openai:${randomUUID()}`;
  return packed(openaiDrafts(record), { format: 'openai', record, id, processedAt: undefined });
}

/** From the first item on that is another. */
function replacing(
  before: readonly AgentInputItem[],
  after: readonly AgentInputItem[],
): readonly SentEvent[] {
  const first = after.findIndex((item, index) => !isDeepStrictEqual(item, before[index]));
  const keep = first === -1 ? after.length : first;
  if (keep === before.length && keep === after.length) return [];
  return [cut(keep), ...after.slice(keep).flatMap(itemEvents)];
}

function withCall(
  items: readonly AgentInputItem[],
  callId: string,
  replacement: AgentInputItem,
): readonly AgentInputItem[] {
  const isCall = (item: AgentInputItem): boolean =>
    item.type === 'function_call' && item.callId === callId;
  const first = items.findIndex(isCall);
  return items.flatMap((item, index) => {
    if (index === first) return [replacement];
    return isCall(item) ? [] : [item];
  });
}

function transactionEvents(
  items: readonly AgentInputItem[],
  transaction: SessionHistoryTransaction,
): readonly SentEvent[] {
  if (transaction.type === 'append_items') return transaction.items.flatMap(itemEvents);
  const { expectedSuffix, replacement } = transaction;
  const keep = items.length - expectedSuffix.length;
  const suffix = keep < 0 ? [] : items.slice(keep);
  if (keep < 0 || !isDeepStrictEqual(suffix, [...expectedSuffix])) {
    throw new Error('the history does not end as the transaction expects');
  }
  return [cut(keep), ...replacement.flatMap(itemEvents)];
}

/** The same text for the same value, whatever the order of its keys. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${canonical(child)}`).join(',')}}`;
}
