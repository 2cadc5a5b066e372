// A message of a WebSocket as a server sends it: text, whole and unmasked (RFC 6455, section 5.2). It is made once for
// all who are sent it, and is one write: a head and a message of their own are a quarter more of a system call.

export interface TextFrame {
  /** As it goes over the socket. */
  readonly bytes: Buffer;
  /** The message in it. */
  readonly payload: Uint8Array;
}

const finalText = 0x81;
const [lengthIn16, lengthIn64] = [126, 127];

/** Of a message that lies in pieces. */
export function textFrame(pieces: readonly Uint8Array[]): TextFrame {
  const head = headOf(pieces.reduce((sum, { length }) => sum + length, 0));
  const bytes = Buffer.concat([head, ...pieces]);
  return { bytes, payload: bytes.subarray(head.length) };
}

function headOf(length: number): Buffer {
  if (length < lengthIn16) return Buffer.of(finalText, length);
  const isShort = length <= 0xffff;
  const head = Buffer.alloc(isShort ? 4 : 10);
  head.set([finalText, isShort ? lengthIn16 : lengthIn64]);
  if (isShort) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}
