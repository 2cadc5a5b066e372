// Documents of one session, up to 4,096 a page, in columns:
//
//   page       := first-document:varint count:varint cut:varint blobs:varint first-seq:varint first-time-ms:varint
//                 seqs-bytes:varint times-bytes:varint
//                 length:varint{count} seq-gap:varint* time-delta:varint* flags:u8{count} facet{4}
//   facet      := values:varint (bytes:varint utf8){values} value:varint{count, where there are two or more values}
//
// The documents of a table are numbered by session and seq, from 0. A length is the sum of a document's term
// frequencies. A seq gap is the seqs between two documents, a time delta zigzag, and both are left out where all
// of them are 0. Cut and blobs count the documents with those flags. Flags: 1 an error, 2 text was cut, 4 something is no text. Facets: type, level, tool, status.
// Stored.

import { bytesOf, textOf } from '@tidemark/std';
import { ByteReader, ByteWriter } from '@tidemark/tables';

export const pageDocuments = 4_096;

export const errorFlag = 1;
export const cutFlag = 2;
export const blobFlag = 4;

export const facetNames = ['type', 'level', 'tool', 'status'] as const;
export type FacetName = (typeof facetNames)[number];

export interface FacetColumn {
  readonly values: readonly string[];
  /** Of each document, a place in `values`. */
  readonly ids: ArrayLike<number>;
}

export interface DocumentPage {
  readonly firstDoc: number;
  readonly count: number;
  readonly lengths: Uint32Array;
  readonly seqs: Float64Array;
  readonly times: Float64Array;
  readonly flags: Uint8Array;
  readonly facets: Readonly<Record<FacetName, FacetColumn>>;
}

/** Negative numbers between the others, so that small ones stay small; beyond 32 bits as well. */
const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);
const unzigzag = (value: number): number => (value % 2 === 0 ? value / 2 : -(value + 1) / 2);

/** For all pages and columns: most are of a few bytes, and a buffer of their own would cost more than they do. */
const writer = new ByteWriter();
const columnWriter = new ByteWriter();

export function encodePage(page: DocumentPage): Uint8Array {
  const seqs = differences(page.seqs, (difference) => difference - 1);
  const times = differences(page.times, zigzag);
  writer.varint(page.firstDoc);
  writer.varint(page.count);
  for (const flag of [cutFlag, blobFlag]) writer.varint(countOf(page.flags, flag));
  writer.varint(page.seqs[0] ?? 0);
  writer.varint(page.times[0] ?? 0);
  for (const { length } of [seqs, times]) writer.varint(length);
  for (const bytes of [column(page.lengths), seqs, times, page.flags]) writer.bytes(bytes);
  for (const name of facetNames) writeFacet(page.facets[name]);
  return writer.take();
}

export function countOf(flags: Uint8Array, flag: number): number {
  let count = 0;
  for (const flagged of flags) if ((flagged & flag) !== 0) count += 1;
  return count;
}

function column(values: Iterable<number>): Uint8Array {
  for (const value of values) columnWriter.varint(value);
  return columnWriter.take();
}

function differences(values: Float64Array, encode: (difference: number) => number): Uint8Array {
  const encoded = Array.from(values.subarray(1), (value, before) =>
    encode(value - (values[before] as number)),
  );
  return column(encoded.some((value) => value !== 0) ? encoded : []);
}

/** Values that no document of the page has are left out. */
function writeFacet({ values, ids }: FacetColumn): void {
  const places = new Map<number, number>();
  const placed = Array.from(ids, (id) => {
    const place = places.get(id) ?? places.size;
    places.set(id, place);
    return place;
  });
  writer.varint(places.size);
  for (const id of places.keys()) {
    const bytes = bytesOf(values[id] ?? '');
    writer.varint(bytes.length);
    writer.bytes(bytes);
  }
  if (places.size > 1) for (const place of placed) writer.varint(place);
}

/** Which documents a page has, and how many of them are not searched whole. */
export interface PageHead {
  readonly firstDoc: number;
  readonly count: number;
  readonly cutCount: number;
  readonly blobCount: number;
}

export const decodeHead = (bytes: Uint8Array): PageHead => readHead(new ByteReader(bytes));

function readHead(reader: ByteReader): PageHead {
  const firstDoc = reader.nextUnsigned();
  const count = reader.nextUnsigned();
  const cutCount = reader.nextUnsigned();
  const blobCount = reader.nextUnsigned();
  return { firstDoc, count, cutCount, blobCount };
}

export function decodeLengths(bytes: Uint8Array): Uint32Array {
  const reader = new ByteReader(bytes);
  const { count } = readHead(reader);
  for (let field = 0; field < 4; field += 1) reader.nextUnsigned();
  return readLengths(reader, count);
}

function readLengths(reader: ByteReader, count: number): Uint32Array {
  const lengths = new Uint32Array(count);
  for (let at = 0; at < count; at += 1) lengths[at] = reader.nextUnsigned();
  return lengths;
}

export function decodePage(bytes: Uint8Array): DocumentPage {
  const reader = new ByteReader(bytes);
  const { firstDoc, count } = readHead(reader);
  const firstSeq = reader.nextUnsigned();
  const firstTimeMs = reader.nextUnsigned();
  const seqsBytes = reader.nextUnsigned();
  const timesBytes = reader.nextUnsigned();
  const lengths = readLengths(reader, count);
  const isApart = seqsBytes > 0;
  const seqs = summed(firstSeq, count, () => 1 + (isApart ? reader.nextUnsigned() : 0));
  const hasDeltas = timesBytes > 0;
  const times = summed(firstTimeMs, count, () => (hasDeltas ? unzigzag(reader.nextUnsigned()) : 0));
  const flags = reader.take(count);
  const facets = {
    type: readFacet(reader, count),
    level: readFacet(reader, count),
    tool: readFacet(reader, count),
    status: readFacet(reader, count),
  };
  return { firstDoc, count, lengths, seqs, times, flags, facets };
}

function summed(first: number, count: number, next: () => number): Float64Array {
  const values = new Float64Array(count);
  if (count > 0) values[0] = first;
  for (let at = 1; at < count; at += 1) values[at] = (values[at - 1] as number) + next();
  return values;
}

function readFacet(reader: ByteReader, count: number): FacetColumn {
  const values: string[] = [];
  const distinct = reader.nextUnsigned();
  while (values.length < distinct) values.push(textOf(reader.take(reader.nextUnsigned())));
  const ids = new Uint16Array(count);
  if (distinct > 1) for (let at = 0; at < count; at += 1) ids[at] = reader.nextUnsigned();
  return { values, ids };
}
