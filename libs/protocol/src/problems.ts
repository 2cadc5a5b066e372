export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** Whether repeating the request is sensible: never, unchanged, or after reading the facts. */
  readonly retry: 'never' | 'same' | 'after-read';
  /** `none` is a promise: the request changed nothing. */
  readonly effect: 'none' | 'unknown';
}

/** The one table of codes. Stored in clients. Never rename. */
export const problemKinds = {
  'behind-head': {
    status: 410,
    title: 'Below where the session is kept from',
    retry: 'after-read',
    effect: 'none',
  },
  'budget-reached': {
    status: 400,
    title: 'The session has spent its budget',
    retry: 'never',
    effect: 'none',
  },
  'content-type-mismatch': {
    status: 409,
    title: 'Not the content type of the session',
    retry: 'never',
    effect: 'none',
  },
  corrupt: {
    status: 500,
    title: 'Stored bytes fail their checksum',
    retry: 'never',
    effect: 'none',
  },
  'fact-conflict': {
    status: 412,
    title: 'The fact has another version',
    retry: 'after-read',
    effect: 'none',
  },
  'fact-not-found': { status: 404, title: 'No such fact', retry: 'never', effect: 'none' },
  forbidden: {
    status: 403,
    title: 'Not what this key may do',
    retry: 'never',
    effect: 'none',
  },
  'fork-source-gone': {
    status: 409,
    title: 'The source of the fork is deleted',
    retry: 'never',
    effect: 'none',
  },
  internal: { status: 500, title: 'Our mistake', retry: 'same', effect: 'unknown' },
  'invalid-json': { status: 400, title: 'Not valid JSON', retry: 'never', effect: 'none' },
  'invalid-offset': {
    status: 400,
    title: 'No position of this session',
    retry: 'never',
    effect: 'none',
  },
  'invalid-request': { status: 400, title: 'Malformed request', retry: 'never', effect: 'none' },
  'key-taken': {
    status: 409,
    title: 'The key is another tenant’s',
    retry: 'never',
    effect: 'none',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Nothing that can be done here',
    retry: 'never',
    effect: 'none',
  },
  'no-credential': {
    status: 422,
    title: 'Nothing to pay the model with',
    retry: 'never',
    effect: 'none',
  },
  'not-found': { status: 404, title: 'Nothing here', retry: 'never', effect: 'none' },
  'origin-refused': {
    status: 403,
    title: 'Not by this name, or not for this page',
    retry: 'never',
    effect: 'none',
  },
  'outcome-unknown': {
    status: 504,
    title: 'May or may not be durable',
    retry: 'same',
    effect: 'unknown',
  },
  overloaded: {
    status: 503,
    title: 'Too much work in this process',
    retry: 'same',
    effect: 'none',
  },
  'producer-epoch-start': {
    status: 400,
    title: 'A new epoch starts at sequence 0',
    retry: 'never',
    effect: 'none',
  },
  'producer-fenced': {
    status: 403,
    title: 'A newer producer took over',
    retry: 'never',
    effect: 'none',
  },
  'producer-gap': {
    status: 409,
    title: 'A sequence is missing',
    retry: 'after-read',
    effect: 'none',
  },
  'rate-limited': { status: 429, title: 'Slow down', retry: 'same', effect: 'none' },
  'seq-conflict': { status: 412, title: 'Tail has moved', retry: 'after-read', effect: 'none' },
  'session-archived': { status: 409, title: 'Session is archived', retry: 'never', effect: 'none' },
  'session-closed': { status: 409, title: 'Session is closed', retry: 'never', effect: 'none' },
  'session-exists': {
    status: 409,
    title: 'Session exists with another configuration',
    retry: 'never',
    effect: 'none',
  },
  'session-gone': {
    status: 410,
    title: 'Session is deleted, its forks live on',
    retry: 'never',
    effect: 'none',
  },
  'session-held': { status: 409, title: 'Session is held', retry: 'never', effect: 'none' },
  'session-not-found': { status: 404, title: 'No such session', retry: 'never', effect: 'none' },
  'session-running': {
    status: 400,
    title: 'Not while the session runs',
    retry: 'after-read',
    effect: 'none',
  },
  'shard-stopped': {
    status: 503,
    title: 'The shard waits for its operator',
    retry: 'same',
    effect: 'none',
  },
  'storage-full': { status: 507, title: 'No room left', retry: 'same', effect: 'none' },
  'stream-seq-conflict': {
    status: 409,
    title: 'Stream-Seq must increase',
    retry: 'after-read',
    effect: 'none',
  },
  'tenant-exists': {
    status: 409,
    title: 'Tenant exists with another configuration',
    retry: 'never',
    effect: 'none',
  },
  'too-large': { status: 413, title: 'Over a published limit', retry: 'never', effect: 'none' },
  'transition-refused': {
    status: 409,
    title: 'Not from the state that the session is in',
    retry: 'after-read',
    effect: 'none',
  },
  'turn-lost': {
    status: 409,
    title: 'The turn is over, or another worker’s',
    retry: 'never',
    effect: 'none',
  },
  unauthenticated: { status: 401, title: 'No valid key', retry: 'never', effect: 'none' },
  unavailable: { status: 503, title: 'A dependency is down', retry: 'same', effect: 'none' },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problemKinds;

/** Facts that a client may branch on, per code. Codes not listed carry none. */
export interface ProblemFacts {
  'behind-head': { readonly headSeq: number; readonly headOffset: string };
  'budget-reached': { readonly limit: string };
  'fact-conflict': { readonly version: number };
  'method-not-allowed': { readonly allowed: readonly string[] };
  'producer-fenced': { readonly producerEpoch: number };
  'producer-gap': { readonly expectedSeq: number; readonly receivedSeq: number };
  'rate-limited': { readonly retryAfterMs: number };
  'seq-conflict': { readonly tailSeq: number };
  'session-closed': { readonly nextOffset: string };
  'too-large': { readonly limit: string; readonly limitBytes: number };
  'transition-refused': { readonly state: string; readonly possible: readonly string[] };
}

type FactsOf<C extends ProblemCode> = C extends keyof ProblemFacts ? ProblemFacts[C] : undefined;

interface ProblemOptions<C extends ProblemCode> {
  readonly cause?: unknown;
  readonly facts: FactsOf<C>;
}

type Rest<C extends ProblemCode> = C extends keyof ProblemFacts
  ? [options: ProblemOptions<C>]
  : [options?: { readonly cause?: unknown }];

const brand = Symbol.for('tidemark.problem');

/** What the caller can act on. The edge turns it into an answer, once. */
export class Problem<C extends ProblemCode = ProblemCode> extends Error {
  override readonly name = 'Problem';
  readonly [brand] = true;
  readonly code: C;
  readonly facts: FactsOf<C>;

  constructor(code: C, detail: string, ...rest: Rest<C>) {
    const options = rest[0] as Partial<ProblemOptions<C>> | undefined;
    super(detail, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.facts = options?.facts as FactsOf<C>;
  }

  get kind(): ProblemKind {
    return problemKinds[this.code];
  }
}

/** By brand, not by class: two copies of this package may be loaded. */
export const isProblem = (value: unknown): value is Problem =>
  typeof value === 'object' && value !== null && brand in value;

/** Narrows a Problem to one code, so that its facts are typed. */
export const hasCode = <C extends ProblemCode>(problem: Problem, code: C): problem is Problem<C> =>
  (problem.code as ProblemCode) === code;
