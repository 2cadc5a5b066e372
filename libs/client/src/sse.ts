// Server-sent events as they are framed on the wire, cut anywhere.

export interface Frame {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** The frames of a body. `heard` is called for whatever comes, comments too. */
export async function* framesOf(
  body: ReadableStream<Uint8Array>,
  heard: () => void,
): AsyncGenerator<Frame> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      rest += decoder.decode(value, { stream: true });
      const texts = rest.split('\n\n');
      rest = texts.pop() ?? '';
      // A comment is none: it keeps the connection warm.
      yield* texts.map(frameOf).filter(({ data }) => data !== '');
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function frameOf(text: string): Frame {
  let id: string | undefined;
  let event = 'message';
  const data: string[] = [];
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, '');
    if (name === 'id') id = value;
    else if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
  }
  return { id, event, data: data.join('\n') };
}
