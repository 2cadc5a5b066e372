/** What the server answered instead of what was asked for. */
export class RequestProblem extends Error {
  readonly status: number;
  readonly code: string;
  /** The server says that the same request may go through later. */
  readonly isRepeatable: boolean;

  constructor({ status, code, message, isRepeatable }: ProblemFields) {
    super(message);
    this.name = 'RequestProblem';
    this.status = status;
    this.code = code;
    this.isRepeatable = isRepeatable;
  }
}

interface ProblemFields {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly isRepeatable: boolean;
}

/** Nobody answered at that address. */
export class Unreachable extends Error {
  constructor(baseUrl: string, cause: unknown) {
    super(`no answer from ${baseUrl}`, { cause });
    this.name = 'Unreachable';
  }
}

const textIn = (value: unknown, key: string): string | undefined => {
  const field = (value as Readonly<Record<string, unknown>> | null | undefined)?.[key];
  return typeof field === 'string' ? field : undefined;
};

const repeatable: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/** Of an answer that is no success: the sessions API's form, or a problem of the other paths. */
export async function problemOf(response: Response): Promise<RequestProblem> {
  const text = await response.text();
  const body = parsed(text);
  const error = (body as { readonly error?: unknown } | undefined)?.error ?? body;
  const details = (error as { readonly details?: unknown } | undefined)?.details ?? error;
  const { status } = response;
  const retry = textIn(details, 'retry');
  return new RequestProblem({
    status,
    code: textIn(error, 'code') ?? `status-${status}`,
    message: textIn(error, 'message') ?? textIn(error, 'detail') ?? text.slice(0, 300),
    isRepeatable: retry === undefined ? repeatable.has(status) : retry === 'same',
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
