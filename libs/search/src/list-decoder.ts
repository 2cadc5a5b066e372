import { ByteReader } from '@tidemark/tables';
import { blockPostings, type EncodedList, pairOf, pairsMax } from './postings.ts';
import { ListBuilder, type Pair, type WindowedList } from './windowed-list.ts';

/** Postings that are decoded in one go: a millisecond or two. */
const stepPostings = 256 * 1_024;

/** At once: for lists of which nobody waits for long. */
export function decodeList(encoded: EncodedList): WindowedList {
  const decoder = new ListDecoder(encoded);
  while (decoder.step());
  return decoder.take();
}

/** Decodes one list, step by step. Throws a RangeError on bytes that are none. */
export class ListDecoder {
  readonly #bytes: Uint8Array;
  readonly #builder: ListBuilder;
  readonly #pairs: readonly Pair[];
  #left: number;
  #at: number;
  #document = -1;

  constructor({ df, rest }: EncodedList) {
    const reader = new ByteReader(rest);
    const blocks = df > blockPostings ? Math.ceil(df / blockPostings) : 0;
    const skipped = readSkips(reader, blocks);
    this.#bytes = rest;
    this.#at = reader.at;
    this.#left = df;
    this.#pairs = skipped.pairs;
    this.#builder = new ListBuilder(df, blocks === 0 ? 0xffff_ffff : skipped.lastDoc);
  }

  /** Says whether there is more. */
  step(): boolean {
    const bytes = this.#bytes;
    const builder = this.#builder;
    const count = Math.min(stepPostings, this.#left);
    let at = this.#at;
    let document = this.#document;
    for (let left = count; left > 0; left -= 1) {
      let value = bytes[at++] as number;
      if (value >= 0x80) {
        value &= 0x7f;
        let byte: number;
        let scale = 0x80;
        do {
          byte = bytes[at++] as number;
          value += (byte & 0x7f) * scale;
          scale *= 0x80;
        } while (byte >= 0x80);
      }
      document += (value >>> 1) + 1;
      let frequency = 1;
      if ((value & 1) === 1) {
        let byte = bytes[at++] as number;
        frequency = (byte & 0x7f) + 2;
        for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
          byte = bytes[at++] as number;
          frequency += (byte & 0x7f) * scale;
        }
      }
      builder.add(document, frequency);
    }
    this.#at = at;
    this.#document = document;
    this.#left -= count;
    if (this.#left > 0) return true;
    if (at !== bytes.length) throw new RangeError('a list of another length');
    return false;
  }

  take(): WindowedList {
    return this.#builder.take(this.#pairs);
  }
}

/** What the blocks say of the whole list: its last document, and what bounds its postings. */
function readSkips(
  reader: ByteReader,
  blocks: number,
): { readonly lastDoc: number; readonly pairs: readonly Pair[] } {
  const most = new Uint32Array(pairsMax);
  const shortest = new Uint32Array(pairsMax).fill(0xffff_ffff);
  let lastDoc = 0;
  let bytes = 0;
  for (let block = 0; block < blocks; block += 1) {
    lastDoc += reader.nextUnsigned();
    bytes += reader.nextUnsigned();
    for (let left = reader.nextUnsigned(); left > 0; left -= 1) {
      const frequency = reader.nextUnsigned();
      const length = reader.nextUnsigned();
      const pair = pairOf(frequency);
      if (frequency > (most[pair] as number)) most[pair] = frequency;
      if (length < (shortest[pair] as number)) shortest[pair] = length;
    }
  }
  if (blocks > 0 && reader.at + bytes !== reader.bytes.length) {
    throw new RangeError('a list of another length');
  }
  const pairs = Array.from(most, (frequency, pair) => ({
    frequency,
    length: shortest[pair] as number,
  }));
  return { lastDoc, pairs: pairs.filter(({ frequency }) => frequency > 0) };
}
