// Server-sent events as they are framed on the wire, cut anywhere.

export interface Frame {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** The frames of a body; a comment, which keeps a connection warm, is none. */
export async function* framesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of body) {
    rest += decoder.decode(piece, { stream: true });
    for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
      const frame = frameOf(rest.slice(0, end));
      rest = rest.slice(end + 2);
      if (frame !== undefined) yield frame;
    }
  }
}

function frameOf(text: string): Frame | undefined {
  let id: string | undefined;
  let event = 'message';
  const data: string[] = [];
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^([^:]+):? ?(.*)$/s.exec(line) ?? [];
    if (name === 'id') id = value;
    else if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : { id, event, data: data.join('\n') };
}
