// Deliveries of events between relay processes over one simulated log and clock.

import { Fault } from '@tidemark/ports';
import type { SessionName } from '@tidemark/protocol';
import {
  type Destination,
  type DestinationState,
  decidePutDestination,
  decideRedact,
  decideRedeliver,
  decideTrim,
  type FactDecision,
  type SessionFact,
} from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { json, type Received, type RelayProcess, SimulatedCell } from '../testing.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

let cell: SimulatedCell;

beforeEach(() => {
  cell = new SimulatedCell();
});
afterEach(async () => {
  await cell[Symbol.asyncDispose]();
});

const actor = { by: 'owner', requestId: 'request' };

const destination = (id: string, more: Partial<Destination> = {}): Destination => ({
  id,
  url: `http://127.0.0.1:9000/${id}`,
  level: 'user',
  includesRaw: false,
  isEnabled: true,
  secrets: [],
  ...more,
});

const putOf = (put: Destination): SessionFact => ({
  type: 'destination-put',
  destination: put,
  afterSeq: 0,
  ...actor,
});

async function create(
  { base }: RelayProcess,
  name: string,
  destinations: readonly Destination[],
): Promise<void> {
  await base.writes.create(base.tenant, name as SessionName, {
    contentType: 'application/json',
    ttlMs: undefined,
    expiresAtMs: undefined,
    isClosed: false,
    events: [],
    fork: undefined,
    profile: { metadata: { ticket: '42' } },
    facts: destinations.map(putOf),
  });
}

async function say(
  { base }: RelayProcess,
  name: string,
  ...events: readonly object[]
): Promise<void> {
  await base.writes.append(base.tenant, name as SessionName, {
    kind: 'append',
    contentType: 'application/json',
    events: events.map((event) => bytesOf(JSON.stringify(event))),
    close: false,
  });
}

const message = (text: string, more: object = {}): object => ({
  type: 'agent.message',
  content: [{ type: 'text', text }],
  ...more,
});

interface Delivered {
  readonly type: string;
  readonly eventId: string;
  readonly metadata: object;
  readonly event: { readonly seq: number; readonly body: { readonly text: string } };
}

const bodyOf = ({ request }: Received): Delivered => JSON.parse(textOf(request.body)) as Delivered;
const received = (path?: string): readonly Delivered[] =>
  cell.receiver.received
    .filter(({ request }) => path === undefined || request.url.endsWith(`/${path}`))
    .map(bodyOf);
const texts = (path?: string): readonly string[] =>
  received(path).map(({ event }) => event.body.text);

async function outboxOf(
  { base }: RelayProcess,
  name: string,
): Promise<readonly DestinationState[]> {
  const { replica, key } = base.shards.locate(base.tenant, name);
  await replica.readIndex();
  return replica.with(key, ({ state }) => state.stream?.aspects.outbox.destinations ?? []);
}

const refusing = json({}, 503);

describe('deliveries', () => {
  test('what a destination wants comes once, in order, and is told of', async () => {
    const one = await cell.start('one');
    await create(one, 'session', [destination('hook')]);
    await say(
      one,
      'session',
      message('a'),
      { type: 'span.model_request_end' },
      message('b', { level: 'progress' }),
      message('c'),
    );
    await cell.clock.advance(1_000);
    expect(texts()).toEqual(['a', 'c']);
    expect(received()[0]).toMatchObject({ type: 'agent.message', metadata: { ticket: '42' } });
    const [known] = await outboxOf(one, 'session');
    expect(known?.entries.map(({ seq, status, code }) => ({ seq, status, code }))).toEqual([
      { seq: 0, status: 'delivered', code: 200 },
      { seq: 3, status: 'delivered', code: 200 },
    ]);
    await say(one, 'session', message('d'));
    await cell.clock.advance(1_000);
    expect(texts()).toEqual(['a', 'c', 'd']);
  });

  test('levels and types filter, types exactly or by their beginning', async () => {
    const one = await cell.start('one');
    await create(one, 'session', [
      destination('all', { level: 'internal' }),
      destination('turns', { level: 'internal', types: ['turn.*'] }),
      destination('exact', { level: 'internal', types: ['turn.completed', 'x.y'] }),
    ]);
    const turns = ['turn.started', 'turn.completed', 'turns.other', 'x.y.z'];
    await say(one, 'session', ...turns.map((type) => ({ type, body: {} })));
    await cell.clock.advance(1_000);
    const types = (path: string): readonly string[] => received(path).map(({ type }) => type);
    expect(types('all')).toEqual(turns);
    expect(types('turns')).toEqual(['turn.started', 'turn.completed']);
    expect(types('exact')).toEqual(['turn.completed']);
  });

  test('one that fails is tried eight times over a day, under one id, and is dead then', async () => {
    cell.receiver.answer = () => refusing;
    const one = await cell.start('one');
    await create(one, 'session', [destination('hook')]);
    await say(one, 'session', message('a'));
    const counts: number[] = [];
    for (const waitMs of [1_000, 6_000, 6 * minuteMs, 34 * minuteMs, 2.3 * hourMs, 6 * hourMs]) {
      await cell.clock.advance(waitMs);
      counts.push(cell.receiver.received.length);
    }
    expect(counts).toEqual([1, 2, 3, 4, 5, 6]);
    await cell.clock.advance(24 * hourMs);
    expect(cell.receiver.received).toHaveLength(8);
    const ids = cell.receiver.received.map(({ request }) => request.headers['webhook-id']);
    expect(new Set(ids).size).toBe(1);
    const [known] = await outboxOf(one, 'session');
    expect(known?.entries).toMatchObject([{ status: 'dead', attempts: 8, code: 503 }]);

    cell.receiver.answer = () => json({});
    const { base } = one;
    const dead = decideRedeliver('hook', ({ entries }) => entries.slice(), actor);
    const kind = 'fact' as const;
    await base.writes.submit(base.tenant, 'session', { kind, decide: dead });
    await cell.clock.advance(minuteMs);
    expect((await outboxOf(one, 'session'))[0]?.entries).toMatchObject([
      { status: 'delivered', attempts: 1 },
    ]);
  });

  test('what comes behind a delivery that failed does not wait for it', async () => {
    let isFirst = true;
    cell.receiver.answer = () => {
      const answer = isFirst ? refusing : json({});
      isFirst = false;
      return answer;
    };
    const one = await cell.start('one');
    await create(one, 'session', [destination('hook')]);
    await say(one, 'session', message('a'), message('b'));
    await cell.clock.advance(3_000);
    expect(texts()).toEqual(['a', 'b']);
    await cell.clock.advance(4_000);
    expect(texts()).toEqual(['a', 'b', 'a']);
  });

  test('an endpoint that hangs delays nothing of another one', async () => {
    cell.receiver.answer = ({ request }) =>
      request.url.endsWith('/dead') ? new Promise(() => undefined) : json({});
    const one = await cell.start('one');
    for (let count = 0; count < 50; count += 1) {
      await create(one, `session-${count}`, [destination('dead'), destination('hook')]);
      await say(one, `session-${count}`, message('a'), message('b'));
    }
    await cell.clock.advance(1_000);
    expect(received('hook')).toHaveLength(100);
    // As many as an endpoint gets at once while nothing bad is known of it.
    expect(received('dead')).toHaveLength(4);
  });

  test('a thousand sessions have their deliveries as soon beside endpoints that hang or are gone', async () => {
    const timesMs = async (urls: readonly string[]): Promise<number[]> => {
      await using own = new SimulatedCell();
      const times: number[] = [];
      own.receiver.answer = ({ request }) => {
        if (request.url.endsWith('/hangs')) return new Promise(() => undefined);
        if (request.url.endsWith('/gone')) {
          throw new Fault('unavailable', 'nobody listens', { effect: 'none' });
        }
        return new Promise((resolve) => {
          own.clock.schedule(20, () => {
            if (request.url.endsWith('/good')) times.push(own.clock.nowMs() - startMs);
            resolve(json({}));
          });
        });
      };
      const one = await own.start('one');
      let startMs = 0;
      for (let count = 0; count < 1_000; count += 1) {
        const good = destination('good', { url: `http://127.0.0.1:9000/${count}/good` });
        await create(one, `session-${count}`, [good]);
      }
      for (const [index, url] of urls.entries()) {
        for (let count = 0; count < 20; count += 1) {
          const name = `neighbour-${index}-${count}`;
          await create(one, name, [destination('hook', { url: `http://127.0.0.1:9001${url}` })]);
          await say(one, name, message('a'), message('b'));
        }
      }
      await own.clock.advance(2_000);
      for (let count = 0; count < 1_000; count += 1) {
        startMs = own.clock.nowMs();
        await say(one, `session-${count}`, message('a'));
        await own.clock.advance(5);
      }
      await own.clock.advance(2_000);
      return times.sort((first, second) => first - second);
    };
    const [calm, beside] = [await timesMs(['/fine', '/well']), await timesMs(['/hangs', '/gone'])];
    expect([calm, beside].map(({ length }) => length)).toEqual([1_000, 1_000]);
    const p99 = (times: readonly number[]): number => times[990] ?? 0;
    expect(p99(beside)).toBeLessThanOrEqual(1.2 * p99(calm));
  });

  test('a destination that is paused gets what it missed once it goes on', async () => {
    const one = await cell.start('one');
    const { base } = one;
    await create(one, 'session', [destination('hook', { isEnabled: false })]);
    await say(one, 'session', message('a'));
    await cell.clock.advance(minuteMs);
    expect(texts()).toEqual([]);
    const decide = decidePutDestination('hook', () => destination('hook'), actor);
    await base.writes.submit(base.tenant, 'session', { kind: 'fact', decide });
    await cell.clock.advance(1_000);
    expect(texts()).toEqual(['a']);
  });

  test('what the session keeps no more, or not what it said, is not delivered; what waited for it is dead', async () => {
    const one = await cell.start('one');
    const { base } = one;
    const submit = (decide: FactDecision): Promise<unknown> =>
      base.writes.submit(base.tenant, 'session', { kind: 'fact', decide });
    await create(one, 'session', [destination('hook')]);
    cell.receiver.answer = () => refusing;
    await say(one, 'session', message('a'));
    await cell.clock.advance(1_000);
    await submit(
      decidePutDestination('hook', () => destination('hook', { isEnabled: false }), actor),
    );
    await say(one, 'session', message('b'), message('c'), message('d'));
    await submit(decideRedact(3, actor));
    await submit(decideTrim({ seq: 2, position: 2 }, actor));
    cell.receiver.answer = () => json({});
    await submit(decidePutDestination('hook', () => destination('hook'), actor));
    await cell.clock.advance(minuteMs);
    expect(texts()).toEqual(['a', 'c']);
    expect((await outboxOf(one, 'session'))[0]?.entries).toMatchObject([
      { seq: 2, status: 'delivered' },
      { seq: 0, status: 'dead', error: 'the session keeps it no more' },
    ]);
  });

  test('a long stretch that nobody wants is looked through once, and its end is written down', async () => {
    const one = await cell.start('one');
    await create(one, 'session', [destination('hook')]);
    const step = { type: 'agent.thinking', level: 'internal' };
    for (let count = 0; count < 9; count += 1) {
      await say(one, 'session', ...Array.from({ length: 500 }, () => step));
    }
    await cell.clock.advance(5_000);
    const [known] = await outboxOf(one, 'session');
    expect(known?.cursorSeq).toBeGreaterThanOrEqual(4_096);
    await say(one, 'session', message('a'));
    await cell.clock.advance(1_000);
    expect(texts()).toEqual(['a']);
  });
});

describe('processes', () => {
  test('one that dies before it told of a delivery is followed by another, under the same id', async () => {
    const one = await cell.start('one');
    const other = await cell.start('other');
    cell.receiver.answer = ({ by }) => {
      if (by === 'one') one.crash();
      return json({});
    };
    await create(other, 'session', [destination('hook')]);
    await say(other, 'session', message('a'), message('b'));
    await cell.clock.advance(minuteMs);
    const by = cell.receiver.received.map((each) => each.by);
    const ids = cell.receiver.received.map(({ request }) => request.headers['webhook-id']);
    if (by[0] === 'one') {
      expect(texts()).toEqual(['a', 'a', 'b']);
      expect(ids[1]).toBe(ids[0]);
    } else expect(texts()).toEqual(['a', 'b']);
    expect(new Set(by.slice(1))).toEqual(new Set(['other']));
  });

  test('two that see the same deliver it once', async () => {
    const one = await cell.start('one');
    await cell.start('other');
    for (let count = 0; count < 20; count += 1) {
      await create(one, `session-${count}`, [destination('hook')]);
      await say(one, `session-${count}`, message(`${count}`));
    }
    await cell.clock.advance(minuteMs);
    expect(received()).toHaveLength(20);
  });

  test('what was owed before a process began is found by it', async () => {
    const one = await cell.start('one');
    cell.receiver.answer = () => {
      throw new Fault('unavailable', 'nobody listens', { effect: 'none' });
    };
    await create(one, 'session', [destination('hook')]);
    await say(one, 'session', message('a'));
    await cell.clock.advance(1_000);
    expect((await outboxOf(one, 'session'))[0]?.entries).toMatchObject([
      { status: 'waiting', error: 'nobody listens' },
    ]);
    one.crash();
    cell.receiver.answer = () => json({});
    const other = await cell.start('other');
    await cell.clock.advance(minuteMs);
    expect((await outboxOf(other, 'session'))[0]?.entries).toMatchObject([{ status: 'delivered' }]);
  });
});

test('events of a suspended tenant wait, also those that failed, and are delivered once it is resumed', async () => {
  const process = await cell.start('one');
  const { registry, tenant } = process.base;
  await create(process, 's', [destination('a')]);
  cell.receiver.answer = () => refusing;
  await say(process, 's', message('failed once'));
  await cell.clock.advance(100);
  expect(texts()).toEqual(['failed once']);
  await registry.suspend(tenant.id, true);
  cell.receiver.answer = () => json({});
  await say(process, 's', message('said while it was suspended'));
  await cell.clock.advance(hourMs);
  expect(texts()).toEqual(['failed once']);
  await registry.suspend(tenant.id, false);
  await cell.clock.advance(minuteMs);
  expect(texts().toSorted()).toEqual(['failed once', 'failed once', 'said while it was suspended']);
});
