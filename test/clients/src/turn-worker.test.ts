// The worker against a server that answers as the test says.

import { type Turn, type TurnEnding, TurnWorker } from '@tidemark/client/worker';
import { expect, test } from 'vitest';

interface Said {
  readonly path: string;
  readonly body: {
    readonly generation?: number;
    readonly events?: readonly { readonly id?: string; readonly type: string }[];
    readonly outcome?: string;
    readonly error?: string;
  };
}

const held = {
  id: 'turn',
  generation: 3,
  is_over: false,
  yield_reason: null,
  cancel_requested: false,
  lease_seconds: 600,
  deadline_at: '2026-01-01T00:00:00Z',
  input_from_seq: 1,
  input_to_seq: 1,
  has_new_input: false,
  head: 2,
};

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

const ok = (body: unknown): Reply => ({ status: 200, body });
const refusal = (status: number, code: string, retry: string): Reply => ({
  status,
  body: { error: { message: code, code, details: { retry, effect: 'unknown' } } },
});

/** One turn, and what was said of it until the worker asks for another. */
async function runOne(
  handle: (turn: Turn) => Promise<TurnEnding>,
  answer: (said: Said, count: number) => Reply = () => ok(held),
): Promise<readonly Said[]> {
  const said: Said[] = [];
  const stop = new AbortController();
  let isClaimed = false;
  const fetch = ((url: string, { body }: { body?: string }) => {
    const { pathname: path } = new URL(url);
    const reply = ({ status, body: told }: Reply): Response =>
      new Response(told === undefined ? null : JSON.stringify(told), { status });
    if (path === '/v3/turns/claim') {
      if (isClaimed) stop.abort();
      const session = { id: 'sesn_1' };
      const claimed = { turn: held, session, agent: null, credential: null };
      const told = isClaimed ? reply({ status: 204, body: undefined }) : reply(ok(claimed));
      isClaimed = true;
      return Promise.resolve(told);
    }
    if (path === '/v3/turns') return Promise.resolve(reply(ok({ data: [] })));
    const one = { path, body: JSON.parse(body ?? '{}') as Said['body'] };
    said.push(one);
    return Promise.resolve(reply(answer(one, said.length)));
  }) as unknown as typeof globalThis.fetch;
  const worker = new TurnWorker({ url: 'http://server', name: 'worker', fetch });
  await worker.run(handle, { signal: stop.signal });
  return said;
}

const message = { type: 'agent.message', body: { text: 'hello' } };
const idsIn = ({ body }: Said): readonly (string | undefined)[] =>
  (body.events ?? []).map(({ id }) => id);

test('a report that was not answered is made again with the same ids, under the generation of the claim', async () => {
  const said = await runOne(
    async (turn) => {
      await turn.report([message, { type: 'tool.call', body: { call_id: 'c' } }]);
      return { outcome: 'completed' };
    },
    (_, count) => (count === 1 ? refusal(503, 'unavailable', 'same') : ok(held)),
  );
  const [first, again, last] = said as [Said, Said, Said];
  expect(idsIn(again)).toEqual(idsIn(first));
  // A call is known by its own id.
  expect(idsIn(first)).toEqual([expect.stringMatching(/^evt_/), undefined]);
  expect(said.map(({ body }) => body.generation)).toEqual([3, 3, 3]);
  expect(last).toMatchObject({ body: { outcome: 'completed' } });
});

test('many events are said in several reports, in order', async () => {
  const many = Array.from({ length: 600 }, (_, index) => ({ ...message, id: `${index}` }));
  const said = await runOne(async (turn) => {
    await turn.report(many);
    return { outcome: 'completed', events: many };
  });
  expect(said.map(({ body }) => body.events?.length)).toEqual([256, 88, 256, 88, 256, 256]);
  expect(said.slice(0, 3).flatMap(idsIn)).toEqual(many.map(({ id }) => id));
});

test('a turn that is lost is told to its handler, and nothing more is said of it', async () => {
  let isTold = false;
  const said = await runOne(
    async (turn) => {
      await turn.report([message]).catch(() => undefined);
      isTold = turn.signal.aborted;
      return { outcome: 'completed' };
    },
    () => refusal(409, 'turn-lost', 'never'),
  );
  expect(isTold).toBe(true);
  expect(said.map(({ path }) => path.split('/').at(-1))).toEqual(['report']);
});

test('a turn that is to be cancelled ends so, whatever its handler says', async () => {
  const said = await runOne(
    async (turn) => {
      await turn.report([]);
      turn.signal.throwIfAborted();
      return { outcome: 'completed' };
    },
    () => ok({ ...held, cancel_requested: true }),
  );
  expect(said.at(-1)?.body.outcome).toBe('canceled');
});

test('what a handler throws ends its turn with an error', async () => {
  const said = await runOne(() => Promise.reject(new Error('out of luck')));
  expect(said.at(-1)?.body).toMatchObject({ outcome: 'error', error: 'out of luck' });
});

test('a turn that is over is left as it is', async () => {
  const said = await runOne(
    async (turn) => {
      await turn.report([message]);
      return { outcome: 'completed' };
    },
    () => ok({ ...held, is_over: true, yield_reason: 'max_turns' }),
  );
  expect(said).toHaveLength(1);
});
