// Following a session for as long as it goes on, over whatever works.
//
// (1) A cursor moves when its batch is handed out, and every connection begins at the cursor: so nothing is
//     missing and nothing comes twice, whatever is lost in between.
// (2) The first way that works is taken: a WebSocket, then server-sent events, then long-polls. One that fails
//     twice while the server answers others is left for a few minutes: a proxy does not let it through.
// (3) A connection that is lost is begun again, with full jitter, until the signal says that it is enough; what
//     the server refuses for good is thrown.

import type { StoredEvent } from './events.ts';
import type { Ending, Heard } from './live-socket.ts';
import { pause } from './platform.ts';
import { isProblem, noAnswer, type Problem } from './problem.ts';
import { jitterMs, type Requests } from './requests.ts';
import {
  overLongPoll,
  overSocket,
  overSse,
  type Source,
  type SourceParts,
  sessionPath,
} from './sources.ts';

export type Transport = 'websocket' | 'sse' | 'long-poll';

export interface FollowOptions {
  /** `now`, `start`, or the cursor of a batch. */
  readonly after?: string;
  readonly types?: readonly string[];
  readonly signal?: AbortSignal;
}

export interface Batch {
  readonly events: readonly StoredEvent[];
  /** Behind the last of them: whoever keeps it goes on there. */
  readonly cursor: string;
}

const sources: Readonly<Record<Transport, Source>> = {
  websocket: overSocket,
  sse: overSse,
  'long-poll': overLongPoll,
};

const failuresMax = 2;
const unfitMs = 5 * 60_000;

/** Which way is the best that works, as this client has seen. */
export class Transports {
  readonly #allowed: readonly Transport[];
  readonly #failures = new Map<Transport, number>();
  readonly #unfitUntilMs = new Map<Transport, number>();

  constructor(allowed: readonly Transport[]) {
    this.#allowed = allowed;
  }

  best(nowMs: number): Transport {
    const fit = this.#allowed.find((each) => (this.#unfitUntilMs.get(each) ?? 0) <= nowMs);
    return fit ?? (this.#allowed.at(-1) as Transport);
  }

  works(transport: Transport): void {
    this.#failures.delete(transport);
  }

  fails(transport: Transport, nowMs: number): void {
    const failures = (this.#failures.get(transport) ?? 0) + 1;
    this.#failures.set(transport, failures % failuresMax);
    if (failures === failuresMax) this.#unfitUntilMs.set(transport, nowMs + unfitMs);
  }
}

export interface FollowParts extends SourceParts {
  readonly transports: Transports;
}

interface Going {
  readonly session: string;
  readonly types: readonly string[];
  readonly signal: AbortSignal | undefined;
}

export async function* follow(
  parts: FollowParts,
  session: string,
  { after = 'now', types = [], signal }: FollowOptions,
): AsyncGenerator<Batch, Ending> {
  const { requests } = parts;
  const going = { session, types, signal };
  let cursor = after === 'now' ? await endOf(requests, going) : after;
  for (let losses = 0; ; losses += 1) {
    const connection = connect(parts, going, cursor);
    try {
      return yield* handOn(connection.heard, (reached) => {
        cursor = reached;
        losses = 0;
      });
    } catch (cause) {
      if (isProblem(cause, 'session-not-found', 'session-gone') && connection.isOpen()) {
        return 'deleted';
      }
      const problem = passing(cause);
      await connection.lost();
      await pause(requests.platform, waitMs(parts, problem, losses), signal);
    }
  }
}

/** Until the session has ended. */
async function* handOn(
  heard: AsyncIterable<Heard>,
  reached: (cursor: string) => void,
): AsyncGenerator<Batch, Ending> {
  for await (const each of heard) {
    if (each.kind === 'end') return each.reason;
    reached(each.cursor);
    yield { events: each.events, cursor: each.cursor };
  }
  throw noAnswer('the connection ended', 'none');
}

/** Throws what no new connection makes good. */
function passing(cause: unknown): Problem {
  if (isProblem(cause) && cause.retry === 'same') return cause;
  throw cause;
}

const waitMs = (
  { requests: { platform } }: FollowParts,
  { retryAfterMs = 0 }: Problem,
  losses: number,
): number => retryAfterMs + jitterMs(platform, losses);

/** Where the session ends now. */
async function endOf(requests: Requests, { session, signal }: Going): Promise<string> {
  const query = { last: 1 };
  const path = `${sessionPath(session)}/events`;
  const { headers } = await requests.ask({ path, query, signal });
  return headers.get('stream-next-offset') ?? 'start';
}

interface Connection {
  readonly heard: AsyncGenerator<Heard>;
  isOpen(): boolean;
  /** Tells whether it was the way, or the server. */
  lost(): Promise<void>;
}

function connect(parts: FollowParts, { signal, ...going }: Going, after: string): Connection {
  const { requests, transports } = parts;
  const { platform } = requests;
  const transport = transports.best(platform.nowMs());
  let isOpen = false;
  const opened = (): void => {
    isOpen = true;
    transports.works(transport);
  };
  return {
    heard: sources[transport](parts, { ...going, after, signal, opened }),
    isOpen: () => isOpen,
    async lost() {
      if (isOpen || !(await isServed(requests, going.session, signal))) return;
      transports.fails(transport, platform.nowMs());
    },
  };
}

async function isServed(
  requests: Requests,
  session: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await requests.ask({ path: sessionPath(session), signal, attemptsMax: 1 });
    return true;
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    return false;
  }
}
