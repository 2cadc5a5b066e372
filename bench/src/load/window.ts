import { type ProcessFigures, processFigures } from '../process-figures.ts';

/** What every order measures around its window: the servers, and the generator itself. */
export class Window {
  readonly #pids: readonly number[];
  #before: readonly ProcessFigures[] = [];
  #busyBefore = performance.eventLoopUtilization();
  #cpuBefore = process.cpuUsage();
  #startMs = 0;

  constructor(pids: readonly number[]) {
    this.#pids = pids;
  }

  begin(): void {
    this.#before = this.#pids.map(processFigures);
    this.#busyBefore = performance.eventLoopUtilization();
    this.#cpuBefore = process.cpuUsage();
    this.#startMs = performance.now();
  }

  end(): {
    readonly before: readonly ProcessFigures[];
    readonly after: readonly ProcessFigures[];
    readonly seconds: number;
    readonly generatorBusy: number;
    readonly generatorCpuSeconds: number;
  } {
    const seconds = (performance.now() - this.#startMs) / 1_000;
    const { user, system } = process.cpuUsage(this.#cpuBefore);
    return {
      before: this.#before,
      after: this.#pids.map(processFigures),
      seconds,
      generatorBusy: performance.eventLoopUtilization(this.#busyBefore).utilization,
      generatorCpuSeconds: (user + system) / 1e6,
    };
  }
}
