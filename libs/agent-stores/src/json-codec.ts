// Values that JSON has no words for: bytes, undefined, and the numbers that it leaves out.

type Tagged = Readonly<Record<string, unknown>>;

const tag = '$tidemark';

export function encoded(value: unknown): unknown {
  if (value === undefined) return { [tag]: 'undefined' };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { [tag]: 'number', value: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (value instanceof Uint8Array) {
    return { [tag]: 'bytes', value: Buffer.from(value).toString('base64') };
  }
  if (Array.isArray(value)) return value.map(encoded);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, child]) => [key, encoded(child)] as const);
  const plain = Object.fromEntries(entries);
  return Object.hasOwn(value, tag) ? { [tag]: 'object', value: entries } : plain;
}

export function decoded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decoded);
  if (typeof value !== 'object' || value === null) return value;
  const { [tag]: kind, value: inside } = value as Tagged;
  switch (kind) {
    case undefined:
      return objectOf(Object.entries(value));
    case 'undefined':
      return undefined;
    case 'number':
      return Number(inside);
    case 'bytes':
      return new Uint8Array(Buffer.from(String(inside), 'base64'));
    default:
      return objectOf(inside as readonly (readonly [string, unknown])[]);
  }
}

const objectOf = (entries: readonly (readonly [string, unknown])[]): unknown =>
  Object.fromEntries(entries.map(([key, child]) => [key, decoded(child)]));
