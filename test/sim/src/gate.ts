/** Between a process and everything outside it: shut while it is stopped, for ever once it is dead. */
export class Gate {
  #isCrashed = false;
  #isPaused = false;
  #waiting: (() => void)[] = [];
  readonly crashed: Promise<void>;
  #markCrashed: () => void = () => undefined;

  constructor() {
    this.crashed = new Promise((resolve) => {
      this.#markCrashed = resolve;
    });
  }

  get isCrashed(): boolean {
    return this.#isCrashed;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  pass(run: () => void): void {
    if (this.#isCrashed) return;
    if (this.#isPaused) this.#waiting.push(run);
    else run();
  }

  /** The promise, as this process hears of it. */
  through<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.pass(() => resolve(value)),
        (cause: unknown) => this.pass(() => reject(cause as Error)),
      );
    });
  }

  opened(): Promise<void> {
    return new Promise((resolve) => this.pass(resolve));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    for (const run of this.#waiting.splice(0)) this.pass(run);
  }

  crash(): void {
    this.#isCrashed = true;
    this.#waiting.length = 0;
    this.#markCrashed();
  }
}
