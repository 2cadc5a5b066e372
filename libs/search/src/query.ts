// What may be asked:
//
//   permission denied     any of the words; the more of them, and the rarer they are, the better
//   "permission denied"   these words in this order: has to be there
//   +word, a AND b        has to be there
//   -word, NOT word       must not be there; -"a phrase" and -field:value as well
//   perm*                 any word that begins so
//   tool:bash type:agent.* level:error status:failed session:name error:true after:2026-01-31 before:…
//                         what the event is; `error:permission` is an error that has the word
//
// What looks like none of this is text: a pasted error message is a query.

import { Problem, parseTimestamp } from '@tidemark/protocol';
import { assert } from '@tidemark/std';
import { analyze, isUnspacedCharacter, normalized } from './analysis.ts';
import { type Atom, atomsOf, termsOfPhrase } from './atoms.ts';
import { chunksOf } from './document.ts';
import type { Filter, FilterField } from './filters.ts';
import { termPrefix } from './search-keys.ts';
import { searchLimits } from './search-limits.ts';

/** All of these have to be in a document: places among the query's terms and prefixes. */
export interface Clause {
  readonly terms: readonly number[];
  readonly prefixes: readonly number[];
}

export interface Phrase {
  readonly atoms: readonly Atom[];
  readonly isExcluded: boolean;
}

export interface Query {
  /** Keys. The first `scored` of them count for the score. */
  readonly terms: readonly string[];
  readonly scored: number;
  /** The first `scoredPrefixes` of them count. */
  readonly prefixes: readonly string[];
  readonly scoredPrefixes: number;
  readonly required: readonly Clause[];
  readonly excluded: readonly Clause[];
  readonly phrases: readonly Phrase[];
  readonly filters: readonly Filter[];
  /** Words that no index has: they are in nearly every event. */
  readonly ignored: readonly string[];
}

type Mode = 'optional' | 'required' | 'excluded';

interface Token {
  readonly mode: Mode;
  readonly field: string | undefined;
  readonly text: string;
  readonly isQuoted: boolean;
  readonly isPrefix: boolean;
}

const fields: ReadonlySet<string> = new Set(
  'session type level tool status error after before'.split(' '),
);

const malformed = (detail: string): Problem => new Problem('invalid-request', detail);

/** Throws a Problem that says what is wrong with the query, and what would be right. */
export function parseQuery(text: string, filters: readonly Filter[] = []): Query {
  if (text.length > searchLimits.queryCharsMax) {
    throw malformed(`a query has at most ${searchLimits.queryCharsMax} characters`);
  }
  const builder = new QueryBuilder(filters);
  for (const token of withOperators(tokensOf(text))) builder.add(token);
  return builder.finish();
}

const wordsAndStar = /^[^*]*[\p{L}\p{N}\p{M}_]\*$/u;
const tokenPattern = /([-+]?)(?:([a-z]+):)?(?:"([^"]*)("?)|(\S+))|\S/gy;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && /\s/.test(text.charAt(at))) at += 1;
    if (at === text.length) return tokens;
    tokenPattern.lastIndex = at;
    const match = tokenPattern.exec(text) as RegExpExecArray;
    if (match[3] !== undefined && match[4] === '') {
      throw malformed(`the quote at character ${at + 1} is not closed: close it, or leave it out`);
    }
    at = tokenPattern.lastIndex;
    tokens.push(tokenOf(match));
  }
}

function tokenOf([whole, sign = '', field, quoted, , bare]: RegExpExecArray): Token {
  const mode = sign === '-' ? 'excluded' : sign === '+' ? 'required' : 'optional';
  if (quoted !== undefined && (field === undefined || fields.has(field))) {
    return { mode, field, text: quoted, isQuoted: true, isPrefix: false };
  }
  // What begins with two signs is an option of a command, and one before a digit makes a number.
  const isPlain = bare === undefined || (sign !== '' && /^[-+\d]/.test(bare));
  const isField = field !== undefined && fields.has(field) && !(bare ?? '').startsWith('//');
  const value = isPlain ? (whole ?? '') : isField ? bare : (whole ?? '').slice(sign.length);
  const isPrefix = (isField && !isPlain ? /^[^*]+\*$/ : wordsAndStar).test(value);
  return {
    mode: isPlain ? 'optional' : mode,
    field: isField && !isPlain ? field : undefined,
    text: isPrefix ? value.slice(0, -1) : value,
    isQuoted: false,
    isPrefix,
  };
}

const operators: ReadonlySet<string> = new Set(['AND', 'OR', 'NOT']);

const isOperator = ({ text, isQuoted, field }: Token): boolean =>
  !isQuoted && field === undefined && operators.has(text);

function withOperators(tokens: readonly Token[]): readonly Token[] {
  if (!tokens.some(isOperator)) return tokens;
  if (tokens.some(({ text, isQuoted }) => !isQuoted && /^\(|^[^(]*\)$/.test(text))) {
    throw malformed(
      'brackets do not group: any word will do, +word has to be there, -word must not',
    );
  }
  const out: Token[] = [];
  for (const [at, token] of tokens.entries()) {
    const [before, after] = [tokens[at - 1], tokens[at + 1]];
    if (isOperator(token)) checkOperator(token, before, after);
    else if (before !== undefined && isNamed(before, 'NOT'))
      out.push({ ...token, mode: 'excluded' });
    else if ([before, after].some((next) => next !== undefined && isNamed(next, 'AND'))) {
      out.push({ ...token, mode: token.mode === 'optional' ? 'required' : token.mode });
    } else out.push(token);
  }
  return out;
}

const isNamed = (token: Token, operator: string): boolean =>
  isOperator(token) && token.text === operator;

function checkOperator({ text }: Token, before: Token | undefined, after: Token | undefined): void {
  const isBetween = text === 'NOT' || (before !== undefined && !isOperator(before));
  const hasNext =
    after !== undefined && (!isOperator(after) || (text !== 'NOT' && isNamed(after, 'NOT')));
  if (!isBetween || !hasNext)
    throw malformed(`${text} has nothing to join: write it in small letters to search for it`);
  if (text === 'OR' && [before, after].some((token) => token?.isQuoted === true)) {
    throw malformed('a quoted phrase has to be there: ask for each of the phrases by itself');
  }
}

class QueryBuilder {
  readonly #terms = new Names();
  readonly #prefixes = new Names();
  readonly #required: (() => Clause)[] = [];
  readonly #excluded: (() => Clause)[] = [];
  readonly #phrases: Phrase[] = [];
  readonly #filters: Filter[];
  readonly #ignored: string[] = [];
  #isAsking = false;

  constructor(filters: readonly Filter[]) {
    this.#filters = [...filters];
  }

  add(token: Token): void {
    const { field, text } = token;
    if (field === undefined) this.#addText(token);
    else if (text === '' && field !== 'error') throw malformed(`${field}: has no value`);
    else if (field === 'error') this.#addError(token);
    else if (field === 'after' || field === 'before') this.#addTime(field, token);
    else {
      const isSession = field === 'session';
      this.#filters.push({
        kind: 'value',
        field: field as FilterField,
        value: isSession ? text : text.toLowerCase(),
        isPrefix: token.isPrefix,
        isExcluded: token.mode === 'excluded',
      });
    }
  }

  finish(): Query {
    if (this.#terms.count + this.#prefixes.count > searchLimits.queryTermsMax) {
      throw malformed(`a query has at most ${searchLimits.queryTermsMax} terms: shorten it`);
    }
    if (!this.#isAsking && this.#filters.length === 0) {
      throw malformed(this.#reason());
    }
    return {
      terms: this.#terms.inOrder(),
      scored: this.#terms.scored,
      prefixes: this.#prefixes.inOrder(),
      scoredPrefixes: this.#prefixes.scored,
      required: this.#required.map((clause) => clause()),
      excluded: this.#excluded.map((clause) => clause()),
      phrases: this.#phrases,
      filters: this.#filters,
      ignored: this.#ignored,
    };
  }

  /** Why there is nothing to look for. */
  #reason(): string {
    if (this.#ignored.length > 0) {
      return `nearly every event has these words, none is searched for: ${this.#ignored.join(' ')}`;
    }
    return this.#excluded.length + this.#phrases.length > 0
      ? 'a query that only excludes finds nothing: say what to look for as well'
      : 'a query has a word at least';
  }

  #addError(token: Token): void {
    const { text, mode, isQuoted } = token;
    const flag = !isQuoted && /^(true|false)$/.test(text) ? text === 'true' : undefined;
    this.#filters.push({ kind: 'error', isError: (flag ?? true) !== (mode === 'excluded') });
    if (flag !== undefined || text === '') return;
    if (mode === 'excluded') throw malformed('-error:word says two things: write -word error:true');
    this.#addText({ ...token, field: undefined, mode: 'required' });
  }

  #addTime(field: 'after' | 'before', { text, mode }: Token): void {
    const atMs = parseTimestamp(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
    if (atMs === undefined || mode === 'excluded') {
      throw malformed(`${field}: takes a date or a time, as in ${field}:2026-01-31T09:30:00Z`);
    }
    this.#filters.push(
      field === 'after'
        ? { kind: 'time', fromMs: atMs, endMs: Number.POSITIVE_INFINITY }
        : { kind: 'time', fromMs: 0, endMs: atMs },
    );
  }

  #addText(token: Token): void {
    if (token.isQuoted) this.#addPhrase(token);
    else if (token.isPrefix) this.#addPrefix(token);
    else for (const chunk of chunksOf([token.text])) this.#addChunk(chunk, token.mode);
  }

  #addPhrase({ text, mode }: Token): void {
    const atoms = atomsOf(text);
    const terms = termsOfPhrase(text).map((term) => `${termPrefix}${term}`);
    if (terms.length === 0) {
      throw malformed(`none of the words of this phrase is searched for by itself: "${text}"`);
    }
    const isExcluded = mode === 'excluded';
    this.#phrases.push({ atoms, isExcluded });
    if (isExcluded) return;
    for (const term of terms) this.#terms.add(term, true);
    this.#isAsking = true;
    this.#required.push(() => this.#clauseOf(terms));
  }

  /** The last word of the text is what begins so; what comes before it is text. */
  #addPrefix({ text, mode }: Token): void {
    const written = normalized(text).toLowerCase();
    const begin = /[\p{L}\p{N}\p{M}_]+$/u.exec(written)?.[0] ?? '';
    const before = text.slice(0, text.length - begin.length);
    if (begin.length < searchLimits.prefixCharsMin && !isUnspacedCharacter(begin)) {
      throw malformed(
        `${text}* is too short: give ${searchLimits.prefixCharsMin} characters before the star`,
      );
    }
    for (const chunk of chunksOf([before])) this.#addChunk(chunk, mode);
    this.#addBeginning(begin, mode);
  }

  #addBeginning(begin: string, mode: Mode): void {
    this.#prefixes.add(begin, mode !== 'excluded');
    if (mode !== 'excluded') this.#isAsking = true;
    const clause = (): Clause => ({ terms: [], prefixes: [this.#prefixes.placeOf(begin)] });
    if (mode === 'required') this.#required.push(clause);
    if (mode === 'excluded') this.#excluded.push(clause);
  }

  #addChunk(chunk: string, mode: Mode): void {
    const { whole, parts, forms } = analyze(chunk);
    const all = [...whole, ...parts].map((term) => `${termPrefix}${term}`);
    if (all.length === 0) {
      if (forms.length === 0) this.#ignored.push(chunk);
      return;
    }
    if (whole.length === 1 && isUnspacedCharacter(chunk)) {
      this.#addBeginning(normalized(chunk), mode);
      return;
    }
    const named = whole.length > 0 ? all.slice(0, whole.length) : all;
    const clause = (): Clause => this.#clauseOf(named);
    if (mode === 'excluded') {
      for (const term of named) this.#terms.add(term, false);
      this.#excluded.push(clause);
      return;
    }
    for (const term of all) this.#terms.add(term, true);
    this.#isAsking = true;
    if (mode === 'required') this.#required.push(clause);
  }

  #clauseOf(terms: readonly string[]): Clause {
    return { terms: terms.map((term) => this.#terms.placeOf(term)), prefixes: [] };
  }
}

/** Names in the order in which they came, those that count for the score first. */
class Names {
  readonly #isScored = new Map<string, boolean>();

  get count(): number {
    return this.#isScored.size;
  }

  get scored(): number {
    return [...this.#isScored.values()].filter(Boolean).length;
  }

  add(name: string, isScored: boolean): void {
    this.#isScored.set(name, isScored || this.#isScored.get(name) === true);
  }

  inOrder(): string[] {
    const names = [...this.#isScored];
    const scored = names.filter(([, isScored]) => isScored);
    return [...scored, ...names.filter(([, isScored]) => !isScored)].map(([name]) => name);
  }

  /** Once all are known. */
  placeOf(name: string): number {
    const place = this.inOrder().indexOf(name);
    assert(place !== -1, 'a name of the query');
    return place;
  }
}
