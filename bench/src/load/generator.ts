import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LoadResult, Order } from './orders.ts';

type Answer = { readonly result: LoadResult } | { readonly failure: string };

/** The load generator's process. It takes one order at a time. */
export class Generator implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'main.ts'), { serialization: 'json' });
  }

  async run(order: Order): Promise<LoadResult> {
    const gone = once(this.#child, 'exit').then(() => {
      throw new Error('the load generator has ended');
    });
    gone.catch(() => undefined);
    this.#child.send(order);
    const [answer] = (await Promise.race([once(this.#child, 'message'), gone])) as [Answer];
    if ('failure' in answer) throw new Error(`${order.kind}: ${answer.failure}`);
    return answer.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}
