export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
}

/** The events of a stream of bytes, by the rules of the WHATWG: enough of them for our servers. */
export async function* eventsOf(bytes: AsyncIterable<unknown>): AsyncIterable<ServerSentEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of bytes) {
    text += decoder.decode(piece as Uint8Array, { stream: true });
    let end = text.indexOf('\n\n');
    for (; end !== -1; end = text.indexOf('\n\n')) {
      yield parsed(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
}

function parsed(block: string): ServerSentEvent {
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) event = line.slice(6).trim();
    else if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
  }
  return { event, data: data.join('\n') };
}
