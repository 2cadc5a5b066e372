// What the client needs of the place where it runs: a browser, Node or an edge worker. All else of it is
// written against these few.

export interface Platform {
  readonly fetch: typeof globalThis.fetch;
  /** Undefined where there are none. */
  readonly WebSocket: typeof globalThis.WebSocket | undefined;
  nowMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Twenty characters that nobody else draws. */
  newId(): string;
  /** Runs later, unless the answer is called before. */
  after(ms: number, run: () => void): () => void;
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

export const ownPlatform: Platform = {
  // By its name each time: a page may put another in its place.
  fetch: (input, init) => globalThis.fetch(input, init),
  WebSocket: globalThis.WebSocket,
  nowMs: () => performance.now(),
  random: () => Math.random(),
  newId: () =>
    Array.from(crypto.getRandomValues(new Uint8Array(20)), (byte) => alphabet[byte & 31]).join(''),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Rejects with the signal's reason where that comes first. */
export function pause(
  platform: Platform,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error);
    const cancel = platform.after(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    const stop = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', stop, { once: true });
  });
}

export interface Deadline {
  readonly signal: AbortSignal;
  /** Begins anew, with so long. */
  extend(ms: number): void;
  /** Waits for nothing until it is extended. */
  hold(): void;
  end(): void;
}

/** Aborts after so long, or with the signal of whoever asks. */
export function deadline(
  platform: Platform,
  firstMs: number,
  signal: AbortSignal | undefined,
): Deadline {
  const controller = new AbortController();
  const stop = (): void => controller.abort(signal?.reason);
  let cancel: () => void = () => undefined;
  const extend = (ms: number): void => {
    cancel();
    cancel = platform.after(ms, () =>
      controller.abort(new Error(`nothing was heard for ${ms} ms`)),
    );
  };
  extend(firstMs);
  if (signal?.aborted === true) stop();
  else signal?.addEventListener('abort', stop, { once: true });
  return {
    signal: controller.signal,
    extend,
    hold: () => cancel(),
    end() {
      cancel();
      signal?.removeEventListener('abort', stop);
    },
  };
}

/** What comes first: the outcome, or the signal. */
export function abortable<T>(outcome: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return outcome;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
