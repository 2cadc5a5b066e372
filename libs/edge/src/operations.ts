import type { Edge } from './edge.ts';

export interface Readiness {
  /** What is wrong, by the name of the check; empty when the process can serve. */
  readonly failures: () => Readonly<Record<string, string>>;
  readonly renderMetrics: () => Promise<string>;
}

/** `/healthz`, `/readyz`, `/metrics`: as every app has them. */
export function addOperations(edge: Edge, { failures, renderMetrics }: Readiness): void {
  const open = { config: { isOpen: true } };
  edge.get('/healthz', open, (_request, reply) => reply.send({ status: 'ok' }));
  edge.get('/readyz', open, (_request, reply) => {
    const found = failures();
    const isReady = Object.keys(found).length === 0;
    return reply
      .code(isReady ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status: isReady ? 'ready' : 'not-ready', failures: found });
  });
  edge.get('/metrics', open, async (_request, reply) =>
    reply.type('text/plain; version=0.0.4').send(await renderMetrics()),
  );
}
