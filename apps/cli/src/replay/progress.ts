import type { Output } from '../environment.ts';
import { line } from '../printing.ts';

const [barMs, lineMs] = [200, 10_000];
const barCells = 24;

interface Extent {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0);

/** How far a replay is: a bar on a terminal, now and then a line elsewhere. */
export class ReplayProgress {
  readonly #err: Output;
  readonly #nowMs: () => number;
  readonly #extent: Extent;
  readonly #startMs: number;
  #shownMs: number;
  #events = 0;

  constructor(err: Output, nowMs: () => number, extent: Extent) {
    this.#err = err;
    this.#nowMs = nowMs;
    this.#extent = extent;
    this.#startMs = nowMs();
    this.#shownMs = err.isTerminal ? 0 : this.#startMs;
  }

  async show(events: number, offsets: readonly number[]): Promise<void> {
    this.#events += events;
    const nowMs = this.#nowMs();
    if (nowMs - this.#shownMs < (this.#err.isTerminal ? barMs : lineMs)) return;
    this.#shownMs = nowMs;
    const { from, to } = this.#extent;
    const whole = sumOf(to) - sumOf(from);
    const share = whole === 0 ? 1 : Math.min(1, (sumOf(offsets) - sumOf(from)) / whole);
    const text = this.#text(share, (nowMs - this.#startMs) / 1_000);
    await (this.#err.isTerminal ? this.#err.write(`\r\u001b[K${text}`) : line(this.#err, text));
  }

  #text(share: number, seconds: number): string {
    const cells = Math.round(share * barCells);
    const bar = `[${'#'.repeat(cells)}${'-'.repeat(barCells - cells)}] `;
    const rate = seconds === 0 ? 0 : Math.round(this.#events / seconds);
    const left = share === 0 ? '' : `, ${Math.ceil((seconds * (1 - share)) / share)} s left`;
    const percent = `${Math.floor(share * 100)}%`;
    return `${this.#err.isTerminal ? bar : ''}${percent}, ${this.#events} events, ${rate}/s${left}`;
  }

  async clear(): Promise<void> {
    if (this.#err.isTerminal) await this.#err.write('\r\u001b[K');
  }
}
