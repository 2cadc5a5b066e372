// Messages of an MCP server's streams, so that a client that was cut off resumes on any other process. An
// event id is a place in one session's log and the stream that it belongs to: one of another session, or none
// of ours, replays nothing.

import { randomUUID } from 'node:crypto';
import type { EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { digestOf } from '@tidemark/agent-formats';
import { type ClientOptions, isProblem, SessionsClient } from '@tidemark/sessions-client';

export interface TidemarkEventStoreOptions
  extends Pick<ClientOptions, 'baseUrl' | 'apiKey' | 'fetch'> {
  /** The log of one MCP session. */
  readonly sessionId: string;
}

const messageType = 'mcp.message';

export class TidemarkEventStore implements EventStore {
  readonly #client: SessionsClient;
  readonly #session: string;
  readonly #mark: string;

  constructor({ sessionId, ...options }: TidemarkEventStoreOptions) {
    this.#client = new SessionsClient(options);
    this.#session = sessionId;
    this.#mark = digestOf(sessionId, 12);
  }

  async storeEvent(streamId: string, message: JSONRPCMessage): Promise<string> {
    const event = { type: messageType, id: randomUUID(), stream: streamId, message };
    const { firstSeq } = await this.#client.appendAtOnce({ session: this.#session }, [event]);
    return this.#idOf(firstSeq, streamId);
  }

  getStreamIdForEventId(eventId: string): Promise<string | undefined> {
    return Promise.resolve(this.#placeIn(eventId)?.stream);
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { readonly send: (eventId: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const place = this.#placeIn(lastEventId);
    if (place === undefined) return '';
    let seq = place.seq + 1;
    try {
      for await (const event of this.#client.events(
        { session: this.#session },
        { from_seq: seq },
      )) {
        const message = event['message'] as JSONRPCMessage | undefined;
        // What primes a stream is stored as an empty message: there is nothing to tell of it.
        const isToTell =
          event.type === messageType &&
          event['stream'] === place.stream &&
          Object.keys(message ?? {}).length > 0;
        if (isToTell) await send(this.#idOf(seq, place.stream), message as JSONRPCMessage);
        seq += 1;
      }
    } catch (cause) {
      if (!(isProblem(cause) && cause.status === 404)) throw cause;
    }
    return place.stream;
  }

  #idOf(seq: number, stream: string): string {
    return `${this.#mark}.${seq}.${encodeURIComponent(stream)}`;
  }

  #placeIn(eventId: string): { readonly seq: number; readonly stream: string } | undefined {
    const [, mark, seq, stream = ''] = /^([0-9a-f]{12})\.(\d{1,15})\.(.+)$/.exec(eventId) ?? [];
    if (mark !== this.#mark || !/^([^%]|%[0-9A-F]{2})+$/.test(stream)) return undefined;
    return { seq: Number(seq), stream: decodeURIComponent(stream) };
  }
}
