import { readinessOf } from '@tidemark/platform';
import type { Clock } from '@tidemark/ports';
import type { Edge } from './edge.ts';

export interface Readiness {
  /** What is wrong, by the name of the check; empty when the process can serve. */
  readonly failures: () => Readonly<Record<string, string>>;
  /** What an operator has to see to, though all can be served. */
  readonly warnings: () => Readonly<Record<string, string>>;
  readonly renderMetrics: () => Promise<string>;
  readonly clock: Clock;
}

/**
 * Of the time that rendering takes: whoever asks more often is told the same again. It is one piece of
 * work, and one that takes more than a hundredth of the time is in the p99 of everybody's answers.
 */
const renderShare = 0.01;
/** A slow one is not told for longer. */
const pageMsMax = 2_000;

class MetricsPage {
  readonly #clock: Clock;
  readonly #render: () => Promise<string>;
  /** As it goes over the connection: encoding it is most of what an answer costs. */
  #page: Promise<Buffer> | undefined;

  constructor(clock: Clock, render: () => Promise<string>) {
    this.#clock = clock;
    this.#render = render;
  }

  get(): Promise<Buffer> {
    this.#page ??= this.#renderAndKeep();
    return this.#page;
  }

  async #renderAndKeep(): Promise<Buffer> {
    const startMs = this.#clock.monotonicMs();
    try {
      return Buffer.from(await this.#render());
    } finally {
      const tookMs = this.#clock.monotonicMs() - startMs;
      this.#clock.schedule(Math.min(pageMsMax, tookMs / renderShare), () => {
        this.#page = undefined;
      });
    }
  }
}

/** `/healthz`, `/readyz`, `/metrics`: as every app has them. */
export function addOperations(edge: Edge, readiness: Readiness): void {
  const { failures, warnings, renderMetrics, clock } = readiness;
  const metrics = new MetricsPage(clock, renderMetrics);
  const open = { config: { isOpen: true } };
  edge.get('/healthz', open, (_request, reply) => reply.send({ status: 'ok' }));
  edge.get('/readyz', open, (_request, reply) => {
    const { code, body } = readinessOf(failures(), warnings());
    return reply.code(code).header('cache-control', 'no-store').send(body);
  });
  edge.get('/metrics', open, async (_request, reply) =>
    reply.type('text/plain; version=0.0.4').send(await metrics.get()),
  );
}
