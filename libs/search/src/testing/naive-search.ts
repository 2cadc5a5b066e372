// What a search means, said once more and without an index: every event is read for every query, and counted.

import { analyze } from '../analysis.ts';
import { chunksOf, type SearchEvent, textsOf } from '../document.ts';

export interface Asked {
  readonly query: string;
  readonly session?: string | undefined;
}

interface Read {
  readonly event: SearchEvent;
  readonly terms: readonly string[];
  /** How often it has each. */
  readonly counts: ReadonlyMap<string, number>;
  readonly forms: readonly string[];
  readonly texts: readonly string[];
  readonly type: string;
  readonly isError: boolean;
}

export interface Ranked {
  readonly session: string;
  readonly seq: number;
  readonly score: number;
}

/** An event is read once, however many queries ask. */
const known = new WeakMap<SearchEvent, Read>();

function readOf(event: SearchEvent): Read {
  const read = known.get(event) ?? readAnew(event);
  known.set(event, read);
  return read;
}

function readAnew(event: SearchEvent): Read {
  const { texts, facets } = textsOf(event);
  const analyses = [...chunksOf(texts)].map((chunk) => analyze(chunk));
  const terms = analyses.flatMap(({ whole, parts }) => [...whole, ...parts]);
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return {
    event,
    terms,
    counts,
    forms: analyses.flatMap(({ forms }) => forms),
    texts,
    type: facets.type,
    isError: facets.isError,
  };
}

type Check = (read: Read) => boolean;

interface Understood {
  readonly terms: Set<string>;
  readonly prefixes: Set<string>;
  readonly checks: Check[];
  /** By field, those of which one has to hold. */
  readonly anyOf: Map<string, Check[]>;
  hasWords: boolean;
}

/** All tokens of the test's queries; not of all queries. */
function understand(query: string): Understood {
  const into: Understood = {
    terms: new Set(),
    prefixes: new Set(),
    checks: [],
    anyOf: new Map(),
    hasWords: false,
  };
  for (const [whole] of query.matchAll(/[-+]?"[^"]*"|\S+/g)) addToken(whole, into);
  return into;
}

function addToken(token: string, into: Understood): void {
  const sign = /^[-+]/.exec(token)?.[0] ?? '';
  const text = token.slice(sign.length);
  const checked = (check: Check): void => {
    if (sign !== '') into.checks.push((read) => check(read) === (sign === '+'));
  };
  const field = /^(type|error|session|after|before):(.*)$/.exec(text);
  if (field !== null) addField(field[1] as string, field[2] as string, sign === '-', into);
  else if (text.startsWith('"')) addPhrase(text.slice(1, -1), sign === '-', into);
  else if (text.endsWith('*') || /^\p{sc=Han}$/u.test(text)) {
    const [before, begin] = splitPrefix(text.replace('*', ''));
    if (sign !== '-') {
      for (const chunk of chunksOf([before]))
        for (const term of allTerms(chunk)) into.terms.add(term);
      into.prefixes.add(begin);
      into.hasWords = true;
    }
    checked(({ terms, forms }) => [...terms, ...forms].some((term) => term.startsWith(begin)));
  } else addWord(text, sign, into);
}

function splitPrefix(text: string): readonly [string, string] {
  const begin = /[\p{L}\p{N}_]+$/u.exec(text)?.[0] ?? '';
  return [text.slice(0, text.length - begin.length), begin.toLowerCase()];
}

const allTerms = (chunk: string): readonly string[] => {
  const { whole, parts } = analyze(chunk);
  return [...whole, ...parts];
};

function addWord(text: string, sign: string, into: Understood): void {
  for (const chunk of chunksOf([text])) {
    const { whole } = analyze(chunk);
    if (allTerms(chunk).length === 0) continue;
    if (sign !== '') {
      into.checks.push(
        ({ terms }) => whole.every((term) => terms.includes(term)) === (sign === '+'),
      );
    }
    if (sign === '-') continue;
    for (const term of allTerms(chunk)) into.terms.add(term);
    into.hasWords = true;
  }
}

function addField(field: string, value: string, isExcluded: boolean, into: Understood): void {
  const any = (check: Check): void => {
    if (isExcluded) into.checks.push((read) => !check(read));
    else into.anyOf.set(field, [...(into.anyOf.get(field) ?? []), check]);
  };
  const matches = (actual: string): boolean =>
    value.endsWith('*') ? actual.startsWith(value.slice(0, -1)) : actual === value;
  if (field === 'type') any(({ type }) => matches(type));
  if (field === 'session') any(({ event }) => matches(event.session.split('\n')[0] as string));
  if (field === 'after') into.checks.push(({ event }) => event.timeMs >= Date.parse(value));
  if (field === 'before') into.checks.push(({ event }) => event.timeMs < Date.parse(value));
  if (field !== 'error') return;
  into.checks.push(({ isError }) => isError !== isExcluded);
  if (value !== 'true') addWord(value, '+', into);
}

/** Whether the words stand in a text one behind the other, compared as text. */
function addPhrase(phrase: string, isExcluded: boolean, into: Understood): void {
  const spaced = (text: string): string =>
    ` ${(text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []).join(' ')} `;
  const isHan = /^\p{sc=Han}+$/u.test(phrase);
  const has = ({ texts }: Read): boolean =>
    texts.some((text) => (isHan ? text.includes(phrase) : spaced(text).includes(spaced(phrase))));
  into.checks.push((read) => has(read) !== isExcluded);
  if (isExcluded) return;
  into.hasWords = true;
  for (const chunk of chunksOf([phrase])) for (const term of allTerms(chunk)) into.terms.add(term);
}

export function naiveSearch(events: readonly SearchEvent[], { query, session }: Asked): Ranked[] {
  const reads = events.map(readOf);
  const asked = understand(query);
  const counted = reads.filter(({ terms }) => terms.length > 0);
  const average = counted.reduce((sum, { terms }) => sum + terms.length, 0) / (counted.length || 1);
  const idf = new Map(
    Array.from(asked.terms, (term) => {
      const df = counted.filter(({ counts }) => counts.has(term)).length;
      return [term, Math.log(1 + (counted.length - df + 0.5) / (df + 0.5))];
    }),
  );
  const ranked: Ranked[] = [];
  for (const read of reads) {
    if (session !== undefined && read.event.session !== session) continue;
    if (!asked.checks.every((check) => check(read))) continue;
    if (![...asked.anyOf.values()].every((checks) => checks.some((check) => check(read)))) continue;
    let score = 0;
    for (const [term, weight] of idf) {
      const tf = read.counts.get(term) ?? 0;
      if (tf > 0)
        score += (weight * tf * 2.2) / (tf + 1.2 * (0.25 + (0.75 * read.terms.length) / average));
    }
    for (const prefix of asked.prefixes) {
      if ([...read.terms, ...read.forms].some((term) => term.startsWith(prefix))) score += 1;
    }
    if (score === 0 && asked.hasWords) continue;
    ranked.push({ session: read.event.session, seq: read.event.seq, score });
  }
  return inOrder(ranked);
}

/** Scores that differ by rounding alone are equal. */
export function inOrder(ranked: readonly Ranked[]): Ranked[] {
  const byBytes = (one: Ranked, other: Ranked): number =>
    Buffer.compare(Buffer.from(one.session), Buffer.from(other.session)) || one.seq - other.seq;
  return ranked.toSorted((one, other) =>
    Math.abs(one.score - other.score) < 1e-10 ? byBytes(one, other) : other.score - one.score,
  );
}
