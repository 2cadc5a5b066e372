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
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const headBytes = length < lengthIn16 ? 2 : length <= 0xffff ? 4 : 10;
  const bytes = Buffer.allocUnsafe(headBytes + length);
  bytes[0] = finalText;
  if (headBytes === 2) bytes[1] = length;
  else if (headBytes === 4) bytes.writeUInt16BE(length, bytes.writeUInt8(lengthIn16, 1));
  else bytes.writeBigUInt64BE(BigInt(length), bytes.writeUInt8(lengthIn64, 1));
  let at = headBytes;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return { bytes, payload: bytes.subarray(headBytes) };
}
