import { setTimeout as delay } from 'node:timers/promises';
import type { AppProcess } from '@tidemark/infra';

const beatMs = 1_000;
const line = /^(tidemark_\w+_(?:total|count)(?:\{[^}]*\})?) (\d+(?:\.\d+)?)$/;

/** Counters of processes that come and go: the last of each is what it had counted. */
export class MetricsWatch implements AsyncDisposable {
  readonly #apps: () => readonly AppProcess[];
  readonly #byProcess = new Map<number, Map<string, number>>();
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;

  constructor(apps: () => readonly AppProcess[]) {
    this.#apps = apps;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await this.look();
      await delay(beatMs);
    }
  }

  async look(): Promise<void> {
    const running = this.#apps().filter((app) => app.isRunning());
    await Promise.all(running.map((app) => this.#ask(app).catch(() => undefined)));
  }

  async #ask({ url, pid }: AppProcess): Promise<void> {
    const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(beatMs) });
    const counters = this.#byProcess.get(pid) ?? new Map<string, number>();
    this.#byProcess.set(pid, counters);
    for (const text of (await answer.text()).split('\n')) {
      const [, name, value] = line.exec(text) ?? [];
      if (name !== undefined) counters.set(name, Number(value));
    }
  }

  /** Of all labels that begin so. */
  sum(name: string, labels = ''): number {
    let total = 0;
    for (const counters of this.#byProcess.values()) {
      for (const [counter, value] of counters) {
        if (counter === name || counter.startsWith(`${name}{${labels}`)) total += value;
      }
    }
    return total;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }
}
