// How the subscription APIs refuse: { "error": { "code", "message", … } }.

/** Codes are part of the protocol. Never rename. */
const statuses = {
  ALREADY_CLAIMED: 409,
  FENCED: 409,
  INVALID_OFFSET: 409,
  INVALID_REQUEST: 400,
  NO_PENDING_WORK: 409,
  SUBSCRIPTION_ALREADY_EXISTS: 409,
  SUBSCRIPTION_NOT_FOUND: 404,
  TOKEN_EXPIRED: 401,
  TOKEN_INVALID: 401,
  TOO_MANY_SUBSCRIPTIONS: 409,
  WEBHOOK_URL_REJECTED: 400,
} as const;

export type RefusalCode = keyof typeof statuses;

const brand = Symbol.for('tidemark.refusal');

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly [brand] = true;
  readonly code: RefusalCode;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(
    code: RefusalCode,
    message: string,
    options: { readonly facts?: Readonly<Record<string, unknown>>; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.facts = options.facts ?? {};
  }

  get status(): number {
    return statuses[this.code];
  }

  get body(): object {
    return { error: { code: this.code, message: this.message, ...this.facts } };
  }
}

export const isRefusal = (value: unknown): value is Refusal =>
  typeof value === 'object' && value !== null && brand in value;
