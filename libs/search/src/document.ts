import { textOf } from '@tidemark/std';
import { type Analysis, analyzeWord } from './analysis.ts';
import { isBlob } from './blobs.ts';
import { ChunkScanner, TextCodes } from './chunk-scanner.ts';
import { type EventText, readEvent } from './event-text.ts';
import { searchLimits } from './search-limits.ts';

/** An event as it is given to an index. */
export interface SearchEvent {
  /** One session for ever: a name that is created again is another one, and has to differ here. */
  readonly session: string;
  readonly seq: number;
  readonly timeMs: number;
  /** The event's JSON. */
  readonly body: Uint8Array | string;
  /** Of a result that does not name its tool, whoever knows it by the call that it answers. */
  readonly tool?: string;
}

const nothing: EventText = {
  facets: { type: '', level: '', tool: '', status: '', isError: false },
  texts: [],
  isCut: false,
  hasBlob: false,
};

/** What is no JSON has no text. */
export function textsOf({ body, tool }: Pick<SearchEvent, 'body' | 'tool'>): EventText {
  let event: unknown;
  try {
    event = JSON.parse(typeof body === 'string' ? body : textOf(body));
  } catch {
    return { ...nothing, hasBlob: true };
  }
  const read = readEvent(event);
  if (tool === undefined || read.facets.tool !== '') return read;
  return {
    ...read,
    facets: { ...read.facets, tool: tool.slice(0, searchLimits.facetCharsMax).toLowerCase() },
  };
}

const wordsMax = 50_000;

/** Analyses words, and remembers them: most come again and again. */
export class Analyzer {
  readonly #known = new Map<string, Analysis>();

  of(word: string): Analysis {
    const known = this.#known.get(word);
    if (known !== undefined) return known;
    const analysis = analyzeWord(word);
    if (this.#known.size >= wordsMax) this.#known.clear();
    this.#known.set(word, analysis);
    return analysis;
  }
}

/** Every chunk of some texts that is no blob. */
export function* chunksOf(texts: readonly string[]): Generator<string> {
  for (const text of texts) {
    const scanner = new ChunkScanner(TextCodes.of(text));
    while (scanner.next()) {
      const chunk = text.slice(scanner.start, scanner.end);
      if (!isBlob(chunk)) yield chunk;
    }
  }
}
