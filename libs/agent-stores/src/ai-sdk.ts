// Chats of the AI SDK that outlive the page, the connection and the process that answers.
//
// A chat is a session: its messages are events, and what is edited or answered anew is an event as well. An
// answer under way is a stream of its own, which the transport writes and reads; a fact of the session says
// which one it is, so that any process leads a page back to it.
//
// (1) A chat has one answer's stream: who begins the next one deletes it.
// (2) An answer is over once its messages are saved. Whoever resumes before that reads its stream from the
//     beginning, also where it was written to its end and the process died before it could save.
// (3) A page sees the stream with a token of its own, which opens nothing else.

import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  digestOf,
  type Json,
  packed,
  RecordRestorer,
  sourceSessionName,
  uiMessageDrafts,
} from '@tidemark/agent-formats';
import {
  type ClientOptions,
  isAbsent,
  isProblem,
  type SentEvent,
  SessionsClient,
  type StoredEvent,
  sessionPath,
  streamPath,
} from '@tidemark/sessions-client';
import type { UIMessage } from 'ai';
import { SessionFold } from './session-fold.ts';

export interface TidemarkChatsOptions extends Pick<ClientOptions, 'baseUrl' | 'apiKey' | 'fetch'> {
  /** Where pages reach the server, if it is not where this process does. */
  readonly readBaseUrl?: string;
}

export interface ChatAnswer<Message extends UIMessage> {
  /** What `toDurableStreamResponse` takes as its `stream`. */
  readonly stream: {
    readonly writeUrl: string;
    readonly readUrl: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly createIfMissing: false;
  };
  /** Saves the messages of the whole chat, and there is nothing to resume any more. */
  readonly end: (messages: readonly Message[]) => Promise<void>;
}

interface History {
  readonly messages: readonly Json[];
  readonly restorer: RecordRestorer;
}

interface NotedAnswer {
  readonly stream: string;
  readonly is_over: boolean;
}

const format = 'ai-sdk';
/** Only the first `keep` messages stay; what stands in their place follows. */
const cutType = 'ai-sdk.history_cut';
const answerFact = 'ai-sdk.answer';
/** Of an answer's stream, and of the tokens that open it. */
const answerSeconds = 86_400;
const chatsMax = 256;
/** Of one request: the server takes 1,000 events and 8 MiB. */
const requestEventsMax = 500;
const requestCharsMax = 2 * 1024 * 1024;

export class TidemarkChats<Message extends UIMessage = UIMessage> {
  readonly #client: SessionsClient;
  readonly #readBaseUrl: string;
  readonly #chats = new Map<string, SessionFold<History>>();

  constructor({ readBaseUrl, ...options }: TidemarkChatsOptions) {
    this.#client = new SessionsClient(options);
    this.#readBaseUrl = (readBaseUrl ?? this.#client.baseUrl).replace(/\/+$/, '');
  }

  /** The name of a chat's session. */
  sessionOf(chatId: string): string {
    return sourceSessionName(format, chatId);
  }

  async load(chatId: string): Promise<Message[]> {
    const { state } = await this.#chat(chatId).read();
    return structuredClone(state.messages) as unknown as Message[];
  }

  /** From now on the chat is these messages: what it has already is not appended again. */
  async save(chatId: string, messages: readonly Message[]): Promise<void> {
    // As a page sends them and gets them.
    const wanted = JSON.parse(JSON.stringify(messages)) as readonly Json[];
    await this.#ensure(chatId);
    const chat = this.#chat(chatId);
    for (let isWhole = false; !isWhole; ) {
      await chat.change(({ messages: known }) => {
        const next = changeOf(known, wanted);
        isWhole = next.isWhole;
        return next.events;
      });
    }
  }

  /** Saves what was asked, and makes the stream that the answer goes to. */
  async begin(chatId: string, messages: readonly Message[]): Promise<ChatAnswer<Message>> {
    await this.save(chatId, messages);
    const session = this.sessionOf(chatId);
    const stream = `${session}.answer.${randomUUID()}`;
    const made = { ttl_seconds: answerSeconds, metadata: { source: format, chat: session } };
    await this.#client.json(sessionPath({ session: stream }), { method: 'PUT', body: made });
    const readUrl = await this.#readUrl(stream);
    if (readUrl === undefined) throw new Error('the stream of the answer was deleted');
    const before = await this.#noted(session);
    await this.#note(session, { stream, is_over: false });
    if (before !== undefined) await this.#client.delete({ session: before.stream });
    const { baseUrl, apiKey } = this.#client;
    return {
      stream: {
        writeUrl: `${baseUrl}${streamPath(stream)}`,
        readUrl,
        headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
        createIfMissing: false,
      },
      end: async (all) => {
        const noted = await this.#noted(session);
        // Another answer was begun meanwhile: the chat is that one's.
        if (noted?.stream !== stream) return;
        await this.save(chatId, all);
        await this.#note(session, { stream, is_over: true }, noted.version);
      },
    };
  }

  /** Where the answer under way is read, as the transport asks: 204 where there is none. */
  async reconnect(chatId: string): Promise<Response> {
    const noted = await this.#noted(this.sessionOf(chatId));
    const readUrl =
      noted === undefined || noted.is_over ? undefined : await this.#readUrl(noted.stream);
    if (readUrl === undefined) return new Response(null, { status: 204 });
    const headers = {
      location: readUrl,
      'cache-control': 'no-store',
      'access-control-expose-headers': 'Location',
    };
    return Response.json({ streamUrl: readUrl }, { headers });
  }

  async delete(chatId: string): Promise<void> {
    const session = this.sessionOf(chatId);
    const noted = await this.#noted(session);
    if (noted !== undefined) await this.#client.delete({ session: noted.stream });
    await this.#client.delete({ session });
    this.#chats.delete(session);
  }

  #chat(chatId: string): SessionFold<History> {
    const session = this.sessionOf(chatId);
    const chat =
      this.#chats.get(session) ?? new SessionFold(this.#client, { session }, { begin, apply });
    this.#chats.delete(session);
    this.#chats.set(session, chat);
    const [oldest] = this.#chats.keys();
    if (this.#chats.size > chatsMax && oldest !== undefined) this.#chats.delete(oldest);
    return chat;
  }

  async #ensure(chatId: string): Promise<void> {
    const path = sessionPath({ session: this.sessionOf(chatId) });
    if ((await this.#client.find(path)) !== undefined) return;
    const source = chatId.length > metadataCharsMax ? digestOf(chatId, 64) : chatId;
    const metadata = { source: format, source_session: source };
    await this.#client.json(path, { method: 'PUT', body: { metadata } });
  }

  /** Undefined where the stream is not there any more. */
  async #readUrl(stream: string): Promise<string | undefined> {
    const path = sessionPath({ session: stream });
    const url = `${this.#readBaseUrl}${streamPath(stream)}`;
    if (this.#client.apiKey === undefined) {
      return (await this.#client.find(path)) === undefined ? undefined : url;
    }
    const body = { scopes: ['read'], ttl_seconds: answerSeconds };
    const made = await this.#client.find<{ readonly token: string }>(`${path}/tokens`, {
      method: 'POST',
      body,
    });
    return made && `${url}?token=${encodeURIComponent(made.token)}`;
  }

  async #noted(session: string): Promise<(NotedAnswer & { readonly version: string }) | undefined> {
    try {
      const { body, headers } = await this.#client.ask<NotedAnswer>(factPath(session));
      return { ...body, version: headers.get('etag') ?? '' };
    } catch (cause) {
      if (isAbsent(cause)) return undefined;
      throw cause;
    }
  }

  async #note(session: string, body: NotedAnswer, version?: string): Promise<void> {
    const headers = version === undefined ? {} : { 'if-match': version };
    try {
      await this.#client.json(factPath(session), { method: 'PUT', body, headers });
    } catch (cause) {
      if (!(isProblem(cause) && cause.status === 412)) throw cause;
    }
  }
}

const metadataCharsMax = 512;

const factPath = (session: string): string =>
  `${sessionPath({ session })}/facts/${encodeURIComponent(answerFact)}`;

const begin = (): History => ({ messages: [], restorer: new RecordRestorer() });

function apply(history: History, event: StoredEvent): History {
  const { messages, restorer } = history;
  if (event.type === cutType) {
    return { ...history, messages: messages.slice(0, Number(event['keep'])) };
  }
  const restored = restorer.take(event);
  if (restored?.format !== format) return history;
  return { ...history, messages: [...messages, restored.record as Json] };
}

interface Change {
  readonly events: readonly SentEvent[];
  /** Nothing of it is left for another request. */
  readonly isWhole: boolean;
}

/** The way from one history to the other: as much of it as one request may carry. */
function changeOf(known: readonly Json[], wanted: readonly Json[]): Change {
  const first = known.findIndex((message, index) => !isDeepStrictEqual(message, wanted[index]));
  const keep = first === -1 ? known.length : first;
  const events: SentEvent[] = keep < known.length ? [{ type: cutType, keep }] : [];
  let chars = 0;
  for (const message of wanted.slice(keep)) {
    const id = `${format}:${randomUUID()}`;
    const drafts = uiMessageDrafts(message, id);
    const own = packed(drafts, { format, record: message, id, processedAt: undefined });
    chars += JSON.stringify(message).length;
    const isFull = events.length + own.length > requestEventsMax || chars > requestCharsMax;
    if (isFull && events.length > 0) return { events, isWhole: false };
    events.push(...own);
  }
  return { events, isWhole: true };
}
