// The events of a session as they were appended, by the stream protocol, which tells them as they are.

import { jsonMessages, limits } from '@tidemark/protocol';
import { isProblem, type SessionsClient, streamPath } from '@tidemark/sessions-client';

export interface StreamHead {
  readonly contentType: string;
  readonly isJson: boolean;
  readonly isClosed: boolean;
}

/** Undefined where there is none. */
export async function streamHead(
  client: SessionsClient,
  name: string,
): Promise<StreamHead | undefined> {
  try {
    const { headers } = await client.ask(streamPath(name), { method: 'HEAD' });
    const contentType = headers.get('content-type') ?? '';
    const isJson = /^application\/([a-z0-9.+-]+\+)?json\b/i.test(contentType);
    return { contentType, isJson, isClosed: headers.get('stream-closed') === 'true' };
  } catch (cause) {
    if (isProblem(cause) && cause.status === 404) return undefined;
    throw cause;
  }
}

/** From its first on. Of a stream that is not JSON one message a request: only so their bounds are told. */
export async function* rawEvents(
  client: SessionsClient,
  name: string,
  { isJson }: StreamHead,
): AsyncGenerator<Uint8Array> {
  const limit = isJson ? limits.appendEventsMax : 1;
  for (let offset = '-1'; ; ) {
    const { response, end } = await client.open(streamPath(name), { query: { offset, limit } });
    const body = new Uint8Array(await response.arrayBuffer().finally(end));
    if (isJson) yield* jsonMessages(body, limit)?.bodies ?? [];
    else if (body.length > 0) yield body;
    offset = response.headers.get('stream-next-offset') ?? offset;
    if (response.headers.get('stream-up-to-date') === 'true') return;
  }
}
