/** Owns the promises that nobody awaits: each is aborted and awaited when the scope closes. */
export interface Tasks extends AsyncDisposable {
  readonly signal: AbortSignal;
  spawn(name: string, run: (signal: AbortSignal) => Promise<void>): void;
}

/** `onCrash` hears of every task that failed for another reason than its abort. */
export function createTasks(onCrash: (name: string, cause: unknown) => void): Tasks {
  const controller = new AbortController();
  const running = new Set<Promise<void>>();
  const { signal } = controller;
  return {
    signal,
    spawn(name, run) {
      if (signal.aborted) return;
      const task = (async () => {
        try {
          await run(signal);
        } catch (cause) {
          if (!signal.aborted) onCrash(name, cause);
        }
      })();
      running.add(task);
      void task.finally(() => running.delete(task));
    },
    async [Symbol.asyncDispose]() {
      controller.abort();
      await Promise.all(running);
    },
  };
}
