const lineFeed = 0x0a;

/** Each with its line feed; what has none at the end was cut off. */
export async function* byteLines(body: AsyncIterable<Uint8Array> | []): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let start = 0;
    for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, start)) {
      const piece = bytes.subarray(start, end + 1);
      yield rest.length === 0 ? piece : Buffer.concat([...rest, piece]);
      rest = [];
      start = end + 1;
    }
    if (start < bytes.length) rest.push(bytes.subarray(start));
  }
  if (rest.length > 0) throw new Error('the last line was cut off');
}
