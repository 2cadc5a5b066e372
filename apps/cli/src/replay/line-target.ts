import type { Output } from '../environment.ts';
import type { OnSettled, ReplayTarget, Settled, TakenBatch } from './replay-target.ts';

/** Lines as they are, to the output. */
export class LineTarget implements ReplayTarget {
  readonly #out: Output;
  readonly #onSettled: OnSettled;

  constructor(out: Output, onSettled: OnSettled) {
    this.#out = out;
    this.#onSettled = onSettled;
  }

  async take({ partition, lines }: TakenBatch): Promise<void> {
    await this.#out.write(Buffer.concat(lines.map(({ line }) => line)).toString());
    await this.#onSettled(settledBy({ partition, lines }), []);
  }

  async endPartition(): Promise<void> {}
}

/** All of a batch that is not empty. */
export const settledBy = ({ partition, lines }: TakenBatch): Settled => ({
  partition,
  below: (lines.at(-1)?.head.offset ?? -1) + 1,
  events: lines.length,
});
