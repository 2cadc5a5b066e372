import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LoadResult, Order } from './orders.ts';

type Answer = { readonly result: LoadResult } | { readonly failure: string };

/** The load generator's process. It takes one order at a time. */
export class Generator implements AsyncDisposable {
  readonly #child: ChildProcess;
  #answer: (answer: Answer) => void = () => undefined;

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'main.ts'));
    this.#child.on('message', (answer: Answer) => this.#answer(answer));
    this.#child.once('exit', (code, signal) => {
      this.#answer({ failure: `the load generator has ended. code=${code} signal=${signal}` });
    });
  }

  async run(order: Order): Promise<LoadResult> {
    const answer = await new Promise<Answer>((resolve) => {
      this.#answer = resolve;
      this.#child.send(order);
    });
    if ('failure' in answer) throw new Error(`${order.kind}: ${answer.failure}`);
    return answer.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#child.connected) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}
