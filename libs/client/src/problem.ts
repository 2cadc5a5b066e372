// What went wrong, in the server's words: https://tidemark.dev/problems has a page for every code.

export type ProblemCode =
  | 'behind-head'
  | 'budget-reached'
  | 'content-type-mismatch'
  | 'corrupt'
  | 'fact-conflict'
  | 'fact-not-found'
  | 'forbidden'
  | 'fork-source-gone'
  | 'internal'
  | 'invalid-json'
  | 'invalid-offset'
  | 'invalid-request'
  | 'key-taken'
  | 'method-not-allowed'
  | 'no-credential'
  | 'not-found'
  | 'origin-refused'
  | 'outcome-unknown'
  | 'overloaded'
  | 'producer-epoch-start'
  | 'producer-fenced'
  | 'producer-gap'
  | 'rate-limited'
  | 'seq-conflict'
  | 'session-archived'
  | 'session-closed'
  | 'session-exists'
  | 'session-gone'
  | 'session-held'
  | 'session-not-found'
  | 'session-running'
  | 'shard-stopped'
  | 'storage-full'
  | 'stream-seq-conflict'
  | 'tenant-exists'
  | 'too-large'
  | 'transition-refused'
  | 'turn-lost'
  | 'unauthenticated'
  | 'unavailable'
  // These two are the client's own: nothing was answered, or not by the server.
  | 'no-answer'
  | 'foreign-answer';

/** Whether repeating the request is sensible: never, unchanged, or after reading what stands there. */
export type Retry = 'never' | 'same' | 'after-read';

/** `none` is a promise that nothing changed; `unknown` speaks of all attempts together. */
export type Effect = 'none' | 'unknown';

export type Facts = Readonly<Record<string, unknown>>;

interface ProblemFields {
  readonly code: ProblemCode;
  readonly message: string;
  readonly retry: Retry;
  readonly effect: Effect;
  readonly status?: number;
  readonly retryAfterMs?: number | undefined;
  readonly facts?: Facts;
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly retry: Retry;
  readonly effect: Effect;
  /** 0 where nothing was answered. */
  readonly status: number;
  /** Not before so long. */
  readonly retryAfterMs: number | undefined;
  /** What the code tells besides: `tailSeq`, `version`, `state` and the like. */
  readonly facts: Facts;
  /** Quote it to the operator. */
  readonly requestId: string | undefined;

  constructor(fields: ProblemFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = fields.code;
    this.retry = fields.retry;
    this.effect = fields.effect;
    this.status = fields.status ?? 0;
    this.retryAfterMs = fields.retryAfterMs;
    this.facts = fields.facts ?? {};
    this.requestId = fields.requestId;
  }

  /** As it is where an attempt before it may have taken effect. */
  afterUnknown(): Problem {
    const { code, message, retry, status, retryAfterMs, facts, requestId, cause } = this;
    const told = { code, message, retry, status, retryAfterMs, facts, requestId, cause };
    return new Problem({ ...told, effect: 'unknown' });
  }
}

export const isProblem = (value: unknown, ...codes: readonly ProblemCode[]): value is Problem =>
  value instanceof Problem && (codes.length === 0 || codes.includes(value.code));

export const noAnswer = (cause: unknown, effect: Effect, url?: string): Problem =>
  new Problem({
    code: 'no-answer',
    message: `no answer${url === undefined ? '' : ` from ${url}`}: ${cause instanceof Error ? cause.message : String(cause)}`,
    retry: 'same',
    effect,
    cause,
  });

/** Of answers that are not the server's own: a proxy's, a load balancer's. */
const passing: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

export interface Refusal {
  readonly status: number;
  readonly text: string;
  readonly headers?: Headers;
  readonly effect: Effect;
}

/** Of an answer that is no success, in either of the two forms in which the server tells a problem. */
export function problemOf({ status, text, headers, effect }: Refusal): Problem {
  const body = fieldsOf(parsed(text));
  const error = body['error'] === undefined ? body : fieldsOf(body['error']);
  const details = error['details'] === undefined ? error : fieldsOf(error['details']);
  const told = {
    status,
    retryAfterMs: retryAfterMsOf(headers?.get('retry-after')),
    requestId: headers?.get('request-id') ?? undefined,
  };
  if (typeof error['code'] !== 'string') {
    const message = `answered ${status}: ${text.slice(0, 200)}`;
    const retry = passing.has(status) ? 'same' : 'never';
    return new Problem({ ...told, code: 'foreign-answer', message, retry, effect });
  }
  return new Problem({ ...told, ...problemFieldsOf(error, details) });
}

/** Of what tells a problem by its fields. */
export function problemFieldsOf(
  error: Facts,
  details: Facts,
): Pick<ProblemFields, 'code' | 'message' | 'retry' | 'effect' | 'facts'> {
  const { code, message, detail } = error;
  const { retry, effect } = details;
  const known = new Set(['retry', 'effect', 'type', 'title', 'status', 'instance', 'ref', 'ch']);
  const facts = Object.entries(details).filter(([name]) => !known.has(name) && !(name in own));
  return {
    code: code as ProblemCode,
    message: String(message ?? detail ?? code),
    retry: retry === 'same' || retry === 'after-read' ? retry : 'never',
    effect: effect === 'none' ? 'none' : 'unknown',
    facts: Object.fromEntries(facts),
  };
}

const own = { code: true, message: true, detail: true } as const;

const fieldsOf = (value: unknown): Facts =>
  typeof value === 'object' && value !== null ? (value as Facts) : {};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** In seconds; a date is not what this server writes, and a minute will do for a proxy that does. */
function retryAfterMsOf(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined || text === '') return undefined;
  return /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : 60_000;
}
