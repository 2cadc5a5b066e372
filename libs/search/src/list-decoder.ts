import { ByteReader } from '@tidemark/tables';
import type { DocRange } from './doc-ranges.ts';
import { blockPostings, type EncodedList, pairOf, pairsMax } from './postings.ts';
import { ListBuilder, type Pair, type WindowedList } from './windowed-list.ts';

/** Postings that are decoded in one go: a millisecond or two. */
const stepPostings = 256 * 1_024;

const wholeList: DocRange = { firstDoc: 0, endDoc: Number.POSITIVE_INFINITY };

/** At once, and only the blocks that have documents of the range: for lists of which nobody waits for long. */
export function decodeList(encoded: EncodedList, range: DocRange = wholeList): WindowedList {
  const decoder = new ListDecoder(encoded, range);
  while (decoder.step());
  return decoder.take();
}

/** Decodes one list, step by step. Throws a RangeError on bytes that are none. */
export class ListDecoder {
  readonly #bytes: Uint8Array;
  readonly #builder: ListBuilder;
  readonly #pairs: readonly Pair[];
  readonly #end: number;
  #left: number;
  #at: number;
  #document: number;

  constructor({ df, rest }: EncodedList, range: DocRange = wholeList) {
    const reader = new ByteReader(rest);
    const blocks = df > blockPostings ? Math.ceil(df / blockPostings) : 0;
    const skipped = readSkips(reader, blocks, range);
    this.#bytes = rest;
    this.#pairs = skipped.pairs;
    this.#at = reader.at + skipped.startByte;
    this.#end = blocks === 0 ? rest.length : reader.at + skipped.endByte;
    this.#document = skipped.before;
    const last = Math.min(df, blockPostings * skipped.endBlock);
    this.#left = blocks === 0 ? df : last - Math.min(last, blockPostings * skipped.startBlock);
    this.#builder = new ListBuilder(this.#left, blocks === 0 ? 0xffff_ffff : skipped.lastDoc);
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
    if (at !== this.#end) throw new RangeError('a list of another length');
    return false;
  }

  take(): WindowedList {
    return this.#builder.take(this.#pairs);
  }
}

/** What the blocks say of the list: which of them, and of their bytes, the range is in, and what bounds postings. */
interface Skipped {
  readonly startBlock: number;
  readonly endBlock: number;
  readonly startByte: number;
  readonly endByte: number;
  /** The last document of the blocks before; -1 where there are none. */
  readonly before: number;
  /** The last document of the list. */
  readonly lastDoc: number;
  readonly pairs: readonly Pair[];
}

function readSkips(reader: ByteReader, blocks: number, { firstDoc, endDoc }: DocRange): Skipped {
  const most = new Uint32Array(pairsMax);
  const shortest = new Uint32Array(pairsMax).fill(0xffff_ffff);
  let [startBlock, endBlock, startByte, endByte, before] = [0, 0, 0, 0, -1];
  let lastDoc = 0;
  let bytes = 0;
  for (let block = 0; block < blocks; block += 1) {
    const isBehind = block > 0 && lastDoc + 1 >= endDoc;
    lastDoc += reader.nextUnsigned();
    bytes += reader.nextUnsigned();
    if (lastDoc < firstDoc) [startBlock, startByte, before] = [block + 1, bytes, lastDoc];
    if (!isBehind) [endBlock, endByte] = [block + 1, bytes];
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
  })).filter(({ frequency }) => frequency > 0);
  return { startBlock, endBlock, startByte, endByte, before, lastDoc, pairs };
}
