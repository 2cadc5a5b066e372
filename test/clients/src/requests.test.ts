// What the client makes of answers that no server of a test gives at will.

import { Problem, type StoredEvent, Tidemark } from '@tidemark/client';
import { describe, expect, test } from 'vitest';

type Reply = (request: Request) => Response | Promise<Response>;

const json = (body: unknown, init: ResponseInit = {}): Response => Response.json(body, init);

const refusal = (status: number, details: object, headers: Record<string, string> = {}): Response =>
  json(
    { type: 'error', error: { code: 'overloaded', message: 'm', details } },
    { status, headers },
  );

/** A client whose requests are answered one after the other; what is left out is answered as the last. */
function answered(...replies: readonly Reply[]): { client: Tidemark; requests: Request[] } {
  const requests: Request[] = [];
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    requests.push(request.clone());
    const reply = replies[Math.min(requests.length, replies.length) - 1] as Reply;
    return reply(request);
  };
  return { client: new Tidemark({ url: 'http://server.test', attemptsMax: 3, fetch }), requests };
}

const problemOf = (asked: Promise<unknown>): Promise<Problem> =>
  asked.then(
    () => Promise.reject(new Error('it is not refused')),
    (cause: unknown) => {
      expect(cause).toBeInstanceOf(Problem);
      return cause as Problem;
    },
  );

describe('a request', () => {
  const passing = { retry: 'same', effect: 'none' };

  test('that may pass is asked again, and not before the server said', async () => {
    const busy = (): Response => refusal(503, passing, { 'retry-after': '1' });
    const { client, requests } = answered(busy, () => json({ id: 's' }));
    const startMs = performance.now();
    await client.session('s').get();
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(1_000);
    expect(requests).toHaveLength(2);
  });

  test('is asked so often and no oftener', async () => {
    const { client, requests } = answered(() => refusal(503, passing));
    const problem = await problemOf(client.session('s').get());
    expect(problem).toMatchObject({ code: 'overloaded', status: 503, ...passing });
    expect(requests).toHaveLength(3);
  });

  test('of any path is asked as all others are, and what is ready is sent as it is', async () => {
    const { client, requests } = answered(
      () => refusal(503, passing),
      () => json({ a: 1 }),
    );
    const asked = { method: 'POST', path: '/v1/any', query: { q: ['x', 'y'] } } as const;
    expect(await client.ask({ ...asked, raw: '{ "ready": 1 }' })).toMatchObject({
      status: 200,
      body: { a: 1 },
    });
    expect(requests.map(({ url }) => url)).toEqual(
      Array(2).fill('http://server.test/v1/any?q=x&q=y'),
    );
    expect(await requests[1]?.text()).toBe('{ "ready": 1 }');
  });

  test('that is opened is read by its caller, who may stop; what is refused is a problem', async () => {
    const stop = new AbortController();
    const { client } = answered(
      () => new Response(new ReadableStream({ start: (body) => body.enqueue(bytes) })),
      () => refusal(403, { retry: 'never', effect: 'none' }),
    );
    const bytes = new TextEncoder().encode('a line\n');
    const { response, end } = await client.open({ path: '/v1/export', signal: stop.signal });
    const { value } = await (response.body as ReadableStream<Uint8Array>).getReader().read();
    expect(value).toEqual(bytes);
    end();
    const problem = await problemOf(client.open({ path: '/v1/export' }));
    expect(problem.status).toBe(403);
  });

  test('that would have to wait for very long is given up at once', async () => {
    const { client, requests } = answered(() => refusal(429, passing, { 'retry-after': '3600' }));
    const problem = await problemOf(client.session('s').get());
    expect(problem.retryAfterMs).toBe(3_600_000);
    expect(requests).toHaveLength(1);
  });

  test('that is refused for good is asked once', async () => {
    const final = { retry: 'never', effect: 'none', limit: 'events' };
    const { client, requests } = answered(() => refusal(400, final));
    const problem = await problemOf(client.session('s').append({ type: 'note' }));
    expect(problem).toMatchObject({ retry: 'never', effect: 'none', facts: { limit: 'events' } });
    expect(requests).toHaveLength(1);
  });

  test('of which one attempt was not answered may have taken effect, whatever the last was told', async () => {
    const lost = (): Response => {
      throw new TypeError('reset');
    };
    const { client, requests } = answered(lost, () =>
      refusal(409, { retry: 'never', effect: 'none' }),
    );
    const problem = await problemOf(client.session('s').append({ type: 'note' }));
    expect(problem.effect).toBe('unknown');
    const [one, other] = await Promise.all(requests.map((request) => request.text()));
    expect(one).toBe(other);
    const reading = answered(lost);
    expect(await problemOf(reading.client.session('s').get())).toMatchObject({
      code: 'no-answer',
      effect: 'none',
      retry: 'same',
    });
  });

  test('that somebody else answers is told as that', async () => {
    const { client } = answered(() => new Response('<h1>no</h1>', { status: 404 }));
    const problem = await problemOf(client.session('s').append({ type: 'note' }));
    expect(problem).toMatchObject({ code: 'foreign-answer', status: 404, retry: 'never' });
  });

  test('ends with its signal, while it is asked and while it waits', async () => {
    const never: Reply = ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    const busy = (): Response => refusal(503, passing, { 'retry-after': '30' });
    for (const reply of [never, busy]) {
      const controller = new AbortController();
      const asked = answered(reply).client.session('s').get({ signal: controller.signal });
      setTimeout(() => controller.abort(new Error('enough')), 20);
      await expect(asked).rejects.toThrow('enough');
    }
  });
});

describe('an appender', () => {
  const stored: Reply = async (request) => {
    const { events } = (await request.json()) as { events: StoredEvent[] };
    return json(
      { data: events },
      { headers: { 'stream-next-seq': '1', 'stream-next-offset': 'c' } },
    );
  };

  test('numbers events, and sends what waits at once', async () => {
    const { client, requests } = answered(stored);
    const appender = client.session('s').appender({ producer: 'w', from: 7 });
    const all = [1, 2, 3].map((n) => appender.append({ type: 'note', n }));
    expect((await Promise.all(all)).map(({ id }) => id)).toEqual(['w-7', 'w-8', 'w-9']);
    expect([requests.length, appender.next, appender.acknowledged]).toEqual([1, 10, 10]);
  });

  test('sends no more at once than a request may carry', async () => {
    const { client, requests } = answered(stored);
    const appender = client.session('s').appender();
    const large = { type: 'note', text: 'é'.repeat(200_000) };
    await appender.appendAll(Array.from({ length: 12 }, () => large));
    for (let n = 0; n < 1_100; n += 1) void appender.append({ type: 'small' });
    await appender.flush();
    const bodies = await Promise.all(requests.map((request) => request.text()));
    const counts = bodies.map((body) => (JSON.parse(body) as { events: unknown[] }).events.length);
    expect(Math.max(...bodies.map((body) => Buffer.byteLength(body)))).toBeLessThan(1_100_000);
    expect(Math.max(...counts)).toBe(500);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1_112);
  });

  test('that has failed sends nothing more, and says where it was', async () => {
    const final = (): Response => refusal(413, { retry: 'never', effect: 'none' });
    const { client, requests } = answered(stored, final);
    const appender = client.session('s').appender();
    await appender.append({ type: 'a' });
    const second = appender.append({ type: 'b' });
    await problemOf(second);
    await problemOf(appender.append({ type: 'c' }));
    await problemOf(appender.flush());
    expect([requests.length, appender.acknowledged]).toEqual([2, 1]);
  });

  test('takes no more than may wait', async () => {
    const { client } = answered(stored);
    const appender = client.session('s').appender();
    for (let n = 0; n < 10_000; n += 1) void appender.append({ type: 'note' });
    await expect(appender.append({ type: 'note' })).rejects.toThrow(RangeError);
    await appender.flush();
    expect(appender.acknowledged).toBe(10_000);
  });
});

test('server-sent events are taken however their bytes are cut', async () => {
  const text =
    ': open\n\nevent: ping\ndata: {"type":"ping"}\n\n' +
    ['a', 'é\u{1f30a}', 'c']
      .map((id, n) => `event: message\nid: c${n}\ndata: {"id":"${id}","type":"note"}\n\n`)
      .join('') +
    'event: session.deleted\ndata: {"type":"session.deleted"}\n\n';
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.slice(index * size, (index + 1) * size),
    );
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const piece = pieces.shift();
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
    });
    const fetch: typeof globalThis.fetch = async () => new Response(body);
    const client = new Tidemark({ url: 'http://server.test', transports: ['sse'], fetch });
    const heard: unknown[] = [];
    for await (const { events, cursor } of client.session('s').followBatches({ after: 'start' })) {
      heard.push([events[0]?.id, cursor]);
    }
    expect(heard).toEqual([
      ['a', 'c0'],
      ['é\u{1f30a}', 'c1'],
      ['c', 'c2'],
    ]);
  }
});
