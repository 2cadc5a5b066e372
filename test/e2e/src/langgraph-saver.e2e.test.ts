// The vendor's own validation of checkpointers, unmodified, over a real server; and what it does not ask.

import { emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint';
import { validate } from '@langchain/langgraph-checkpoint-validation';
import { TidemarkSaver } from '@tidemark/agent-stores/langgraph';
import { SessionsClient } from '@tidemark/sessions-client';
import * as vitest from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';

const { afterAll, beforeAll, expect, test } = vitest;

let server: OwnServer;

const start = async (): Promise<void> => {
  server ??= await startOwnServer('langgraph');
};
beforeAll(start);
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

// The suite takes the runner's functions from where a runner with globals has them.
Object.assign(globalThis, vitest);

validate({
  checkpointerName: 'TidemarkSaver',
  beforeAll: start,
  // Each has a server that knows nothing of the others' threads.
  createCheckpointer: async () => {
    const client = new SessionsClient({ baseUrl: server.url });
    for await (const { id } of client.list('/v1/sessions', { query: { limit: 1_000 } })) {
      await client.delete({ session: String(id) });
    }
    return new TidemarkSaver({ baseUrl: server.url });
  },
});

test('another process goes on from what is saved, and a channel that did not change is stored once', async () => {
  const [one, other] = [1, 2].map(() => new TidemarkSaver({ baseUrl: server.url }));
  const large = 'x'.repeat(10_000);
  let config = { configurable: { thread_id: 'of two processes', checkpoint_ns: '' } };
  for (let step = 0; step < 3; step += 1) {
    const checkpoint = {
      ...emptyCheckpoint(),
      id: uuid6(step),
      channel_values: { large, count: step },
      channel_versions: { large: 1, count: step + 1 },
    };
    const changed: Record<string, number> =
      step === 0 ? { large: 1, count: 1 } : { count: step + 1 };
    const saver = step % 2 === 0 ? one : other;
    config = (await saver?.put(
      config,
      checkpoint,
      { source: 'loop', step, parents: {} },
      changed,
    )) as typeof config;
  }
  const tuple = await other?.getTuple(config);
  expect(tuple?.checkpoint.channel_values).toEqual({ large, count: 2 });
  const client = new SessionsClient({ baseUrl: server.url });
  let bytes = 0;
  for await (const session of client.list('/v1/sessions')) bytes += Number(session['event_bytes']);
  expect(bytes).toBeLessThan(15_000);
});
