// Events on their way into an index: for each, the terms that it has and how often. Nothing is inverted yet, so
// that adding costs little, and so that what is here can still be searched, by reading all of it.

import { assert } from '@tidemark/std';
import { takeApart } from './analysis.ts';
import { isBlob } from './blobs.ts';
import { ChunkScanner, TextCodes } from './chunk-scanner.ts';
import { ChunkTable } from './chunk-table.ts';
import { type Analyzer, type SearchEvent, textsOf } from './document.ts';
import {
  blobFlag,
  cutFlag,
  type DocumentPage,
  errorFlag,
  type FacetName,
  facetNames,
} from './document-page.ts';
import type { Facets } from './event-text.ts';
import { Float64Column, Uint16Column, Uint32Column } from './growing-arrays.ts';
import { formPrefix, termPrefix } from './search-keys.ts';
import { searchLimits } from './search-limits.ts';

/** What a key, or a chunk, takes in maps beside its characters. */
const mapEntryBytes = 100;
const chunksMax = 100_000;

interface WordIds {
  readonly terms: readonly number[];
  readonly forms: readonly number[];
}

export class EventCollector {
  readonly #analyzer: Analyzer;
  /** Terms and forms with their prefixes, by the numbers that they have here. */
  readonly keys: string[] = [];
  readonly #termIds = new Map<string, number>();
  readonly #formIds = new Map<string, number>();
  /** Of a chunk: how many numbers are of terms, those, and those of its forms. */
  readonly #chunks = new ChunkTable();
  readonly #words = new Map<string, WordIds>();
  #keyBytes = 0;

  readonly sessions: string[] = [];
  readonly #sessionOf = new Map<string, number>();
  readonly #facetValues: string[] = [];
  readonly #facetIdOf = new Map<string, number>();

  /** Columns, one place a document. */
  readonly sessionIds: Uint32Column = new Uint32Column();
  readonly lengths: Uint32Column = new Uint32Column();
  readonly seqs: Float64Column = new Float64Column();
  readonly times: Float64Column = new Float64Column();
  readonly flags: Uint16Column = new Uint16Column();
  readonly #facetIds: Readonly<Record<FacetName, Uint32Column>> = {
    type: new Uint32Column(),
    level: new Uint32Column(),
    tool: new Uint32Column(),
    status: new Uint32Column(),
  };
  /** Where the entries of a document end. */
  readonly entryEnds: Uint32Column = new Uint32Column();
  entryKeys: Uint32Array = new Uint32Array(1_024);
  entryCounts: Uint16Array = new Uint16Array(1_024);
  entries = 0;

  /** Of the document that is being added, by key. */
  #counts = new Uint16Array(1_024);
  #touched = new Uint32Array(1_024);
  #touchedCount = 0;

  constructor(analyzer: Analyzer) {
    this.#analyzer = analyzer;
  }

  get documents(): number {
    return this.lengths.length;
  }

  get bytes(): number {
    const { entryKeys, entryCounts, entryEnds, lengths } = this;
    const entries = entryKeys.byteLength + entryCounts.byteLength + entryEnds.byteLength;
    // The other columns grow as this one does: 44 bytes a document to its 4.
    const columns = 12 * lengths.byteLength;
    const counts = this.#counts.byteLength + this.#touched.byteLength;
    return entries + columns + counts + this.#chunks.bytes + this.#keyBytes;
  }

  add(event: SearchEvent): void {
    assert(event.seq >= 0 && event.timeMs >= 0, 'a place and a time');
    const { facets, texts, isCut, hasBlob } = textsOf(event);
    let length = 0;
    for (const text of texts) length += this.#addText(text);
    this.#endEntries();
    this.entryEnds.push(this.entries);
    this.sessionIds.push(this.#numberOf(event.session));
    this.lengths.push(length);
    this.seqs.push(event.seq);
    this.times.push(event.timeMs);
    const { isError } = facets;
    this.flags.push((isError ? errorFlag : 0) | (isCut ? cutFlag : 0) | (hasBlob ? blobFlag : 0));
    this.#addFacets(facets);
  }

  numberOfSession(session: string): number | undefined {
    return this.#sessionOf.get(session);
  }

  numberOfKey(key: string): number | undefined {
    return (key.startsWith(termPrefix) ? this.#termIds : this.#formIds).get(key.slice(1));
  }

  /** These documents, in this order, as one page. */
  page(firstDoc: number, documents: Uint32Array): DocumentPage {
    const { flags, seqs, times, lengths } = this;
    const facetOf = (name: FacetName) => ({
      values: this.#facetValues,
      ids: documents.map((document) => this.#facetIds[name].at(document)),
    });
    return {
      firstDoc,
      count: documents.length,
      lengths: documents.map((document) => lengths.at(document)),
      seqs: Float64Array.from(documents, (document) => seqs.at(document)),
      times: Float64Array.from(documents, (document) => times.at(document)),
      flags: Uint8Array.from(documents, (document) => flags.at(document)),
      facets: {
        type: facetOf('type'),
        level: facetOf('level'),
        tool: facetOf('tool'),
        status: facetOf('status'),
      },
    };
  }

  /** Counts what stands in a text, and says how many terms that is. */
  #addText(text: string): number {
    const chunks = this.#chunks;
    scanned.set(text);
    const scanner = new ChunkScanner(scanned);
    let [counts, touched, touchedCount] = [this.#counts, this.#touched, this.#touchedCount];
    let length = 0;
    while (scanner.next()) {
      let chunk = chunks.find(scanned, scanner);
      if (chunk === -1) {
        chunk = this.#addChunk(text, scanner);
        [counts, touched] = [this.#counts, this.#touched];
      }
      const { numbers } = chunks;
      let at = chunks.startOf(chunk);
      const end = chunks.startOf(chunk + 1);
      length += numbers[at] as number;
      for (at += 1; at < end; at += 1) {
        const id = numbers[at] as number;
        const count = counts[id] as number;
        counts[id] = count + 1;
        if (count > 0) continue;
        touched[touchedCount] = id;
        touchedCount += 1;
      }
    }
    this.#touchedCount = touchedCount;
    return length;
  }

  #endEntries(): void {
    const count = this.#touchedCount;
    while (this.entries + count > this.entryKeys.length) {
      const capacity = 2 * this.entryKeys.length;
      this.entryKeys = enlarged(this.entryKeys, new Uint32Array(capacity));
      this.entryCounts = enlarged(this.entryCounts, new Uint16Array(capacity));
    }
    for (let at = 0; at < count; at += 1) {
      const id = this.#touched[at] as number;
      this.entryKeys[this.entries + at] = id;
      this.entryCounts[this.entries + at] = this.#counts[id] as number;
      this.#counts[id] = 0;
    }
    this.entries += count;
    this.#touchedCount = 0;
  }

  #addChunk(text: string, scanner: ChunkScanner): number {
    if (this.#chunks.count >= chunksMax) this.#chunks.clear();
    const chunk = copyOf(text.slice(scanner.start, scanner.end));
    const terms: number[] = [0];
    const forms: number[] = [];
    if (!isBlob(chunk)) {
      const { whole, place, words } = takeApart(chunk);
      for (const term of whole) terms.push(this.#idOf(this.#termIds, termPrefix, term));
      for (const term of place) terms.push(this.#idOf(this.#termIds, termPrefix, term));
      for (const word of words) {
        const known = this.#idsOfWord(word);
        for (const id of known.terms) terms.push(id);
        for (const id of known.forms) forms.push(id);
      }
    }
    terms[0] = terms.length - 1;
    for (const id of forms) terms.push(id);
    return this.#chunks.add(scanned, scanner, terms);
  }

  #idsOfWord(word: string): WordIds {
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    const { whole, parts, forms } = this.#analyzer.of(word);
    const ids = {
      terms: [...whole, ...parts].map((term) => this.#idOf(this.#termIds, termPrefix, term)),
      forms: forms.map((form) => this.#idOf(this.#formIds, formPrefix, form)),
    };
    this.#words.set(word, ids);
    this.#keyBytes += word.length + 2 * mapEntryBytes;
    return ids;
  }

  #idOf(known: Map<string, number>, prefix: string, name: string): number {
    const found = known.get(name);
    if (found !== undefined) return found;
    const id = this.keys.length;
    known.set(name, id);
    this.keys.push(`${prefix}${name}`);
    this.#keyBytes += 2 * name.length + mapEntryBytes;
    if (id === this.#counts.length) {
      this.#counts = enlarged(this.#counts, new Uint16Array(2 * id));
      this.#touched = enlarged(this.#touched, new Uint32Array(2 * id));
    }
    return id;
  }

  #numberOf(session: string): number {
    const known = this.#sessionOf.get(session);
    if (known !== undefined) return known;
    this.#sessionOf.set(session, this.sessions.length);
    this.sessions.push(session);
    this.#keyBytes += 2 * session.length + mapEntryBytes;
    return this.sessions.length - 1;
  }

  #addFacets(facets: Facets): void {
    for (const name of facetNames) {
      const value = facets[name];
      let id = this.#facetIdOf.get(value);
      if (id === undefined) {
        id = this.#facetValues.length;
        this.#facetIdOf.set(value, id);
        this.#facetValues.push(value);
        this.#keyBytes += value.length + mapEntryBytes;
      }
      this.#facetIds[name].push(id);
    }
  }
}

/** The text that is being read: one at a time, whoever collects. */
const scanned = new TextCodes(searchLimits.textCharsMax);

const scratch = Buffer.alloc(512);
const beyondAscii = /[^\0-\x7f]/;

/** A slice keeps the whole text that it is of; what is made of the copy keeps the copy. */
function copyOf(slice: string): string {
  if (slice.length > scratch.length || beyondAscii.test(slice)) {
    return Buffer.from(slice, 'utf16le').toString('utf16le');
  }
  return scratch.toString('latin1', 0, scratch.write(slice, 'latin1'));
}

function enlarged<T extends Uint32Array | Uint16Array>(values: T, larger: T): T {
  larger.set(values);
  return larger;
}
