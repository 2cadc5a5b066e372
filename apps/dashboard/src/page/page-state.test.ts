import { describe, expect, test } from 'vitest';
import { EventWindow, pageEvents } from './event-window.js';
import { CounterHistory, FleetBoard } from './fleet-board.js';
import { Previews, SseReader } from './previews.js';
import { parseRoute, sessionHash } from './routes.js';
import { stateOf } from './session-states.js';

type Range = { readonly from: number; readonly to: number; readonly isLast: boolean };

const eventAt = (seq: number): Record<string, unknown> => ({
  id: `e${seq}`,
  type: 'agent.message',
  content: String(seq),
});

/** A window on a session of so many events, of which a page holds so many. */
function windowOn(tailSeq: number, pageMax = 1_000): { window: EventWindow; asked: Range[] } {
  const asked: Range[] = [];
  const fetchPage = (range: Range): Promise<{ seqs: number[]; events: never[] }> => {
    asked.push(range);
    const { from, to, isLast } = range;
    const all = Array.from({ length: to - from }, (_, index) => from + index);
    const seqs = isLast ? all.slice(-pageMax) : all.slice(0, pageMax);
    return Promise.resolve({ seqs, events: seqs.map(eventAt) as never[] });
  };
  const window = new EventWindow(fetchPage, () => undefined);
  window.knowTail(tailSeq);
  return { window, asked };
}

const contiguous = ({ events, firstSeq, endSeq }: EventWindow): void => {
  expect(endSeq - firstSeq).toBe(events.length);
  expect(events.map((event) => event['id'])).toEqual(
    events.map((_, index) => `e${firstSeq + index}`),
  );
};

describe('EventWindow', () => {
  test('opens at the tail with one page, and grows upwards', async () => {
    const { window, asked } = windowOn(50_000);
    await window.openTail();
    expect(asked).toHaveLength(1);
    expect([window.firstSeq, window.endSeq]).toEqual([50_000 - pageEvents, 50_000]);
    await window.loadOlder();
    expect(window.firstSeq).toBe(50_000 - 2 * pageEvents);
    contiguous(window);
  });

  test('begins at the head, and asks for nothing below it', async () => {
    const { window, asked } = windowOn(1_200);
    window.knowHead(400);
    await window.openTail();
    await window.loadOlder();
    await window.loadOlder();
    await window.openAt(410);
    expect(window.firstSeq).toBe(400);
    expect(Math.min(...asked.map(({ from }) => from))).toBe(400);
    const { window: short, asked: askedOfShort } = windowOn(20);
    short.knowHead(15);
    await short.openTail();
    expect([askedOfShort, short.firstSeq]).toEqual([[{ from: 15, to: 20, isLast: true }], 15]);
    contiguous(short);
  });

  test('takes what is live at the tail, and only counts it elsewhere', async () => {
    const { window } = windowOn(50_000);
    await window.openTail();
    window.live(50_000, [eventAt(50_000)]);
    expect(window.endSeq).toBe(50_001);
    await window.openAt(100);
    window.live(50_001, [eventAt(50_001)]);
    expect(window.tailSeq).toBe(50_002);
    expect(window.endSeq).toBeLessThan(1_000);
    contiguous(window);
  });

  test('an event that came twice is there once, and a gap is filled', async () => {
    const { window } = windowOn(10);
    await window.openTail();
    window.live(8, [8, 9, 10].map(eventAt));
    expect(window.endSeq).toBe(11);
    window.live(14, [eventAt(14)]);
    await new Promise((resolve) => setTimeout(resolve));
    expect(window.endSeq).toBe(15);
    contiguous(window);
  });

  test('sent elsewhere, what it held grows no more, and the last place counts', async () => {
    const { window, asked } = windowOn(50_000);
    await window.openTail();
    const [first, second] = [window.openAt(100), window.openAt(30_000)];
    await window.loadOlder();
    await Promise.all([first, second]);
    expect(asked).toHaveLength(3);
    expect(window.firstSeq).toBeLessThanOrEqual(30_000);
    expect(window.endSeq).toBeGreaterThan(30_000);
    contiguous(window);
  });

  test('a stretch that is on its way twice is there once', async () => {
    const { window } = windowOn(10);
    await window.openTail();
    window.live(20, [eventAt(20)]);
    await Promise.all([window.loadNewer(), window.loadNewer()]);
    await new Promise((resolve) => setTimeout(resolve));
    expect(window.endSeq).toBe(21);
    contiguous(window);
    expect(window.transcript.rows.filter(({ kind }) => kind === 'message')).toHaveLength(21);
  });

  test('reaches an event although pages of large events are short', async () => {
    const { window } = windowOn(5_000, 10);
    await window.openAt(2_500);
    expect(window.firstSeq).toBeLessThanOrEqual(2_500);
    expect(window.endSeq).toBeGreaterThan(2_500);
    contiguous(window);
  });

  test('holds so many at most, at either end', async () => {
    const { window } = windowOn(60_000);
    await window.openTail();
    for (let page = 0; page < 40; page += 1) await window.loadOlder();
    expect(window.events.length).toBeLessThanOrEqual(12_000);
    expect(window.isAtTail).toBe(false);
    contiguous(window);
    for (let page = 0; page < 80 && !window.isAtTail; page += 1) await window.loadNewer();
    expect(window.isAtTail).toBe(true);
    expect(window.events.length).toBeLessThanOrEqual(12_000);
    contiguous(window);
  });
});

describe('FleetBoard', () => {
  const row = (id: string, fields: object): Record<string, unknown> => ({
    id,
    status: 'idle',
    pending_event_ids: [],
    error: null,
    archived_at: null,
    updated_at: '2026-01-01T00:00:00Z',
    ...fields,
  });

  test('a session moves when its state does, not whenever it writes', () => {
    const board = new FleetBoard();
    const running = { status: 'running' };
    board.take([
      row('a', { ...running, updated_at: '2026-01-01T00:00:02Z' }),
      row('b', { ...running, updated_at: '2026-01-01T00:00:01Z' }),
    ]);
    board.take([row('b', { ...running, updated_at: '2026-01-01T00:00:09Z' })]);
    expect(board.lists().running.map((entry) => entry.row['id'])).toEqual(['a', 'b']);
    board.take([row('b', { pending_event_ids: ['x'], updated_at: '2026-01-01T00:00:10Z' })]);
    expect(board.lists().waiting).toHaveLength(1);
    board.take([{ id: 'b', deleted: true }]);
    expect([board.lists().waiting.length, board.size]).toEqual([0, 1]);
  });

  test('states are told in the words of people', () => {
    expect(stateOf(row('a', { error: 'x', status: 'idle' }))).toBe('failed');
    expect(stateOf(row('a', { lifecycle: { state: 'paused' } }))).toBe('paused');
    expect(stateOf(row('a', { archived_at: 'x', status: 'terminated' }))).toBe('archived');
    expect(stateOf(row('a', { status: 'rescheduling' }))).toBe('recovering');
  });

  test('counters are kept for so long', () => {
    const history = new CounterHistory(3);
    for (let at = 0; at < 5; at += 1) history.take({ at_ms: at * 1_000, events: at, bytes: at });
    expect(history.times).toEqual([2, 3, 4]);
    expect(history.events).toEqual([2, 3, 4]);
  });
});

describe('previews', () => {
  test('grow by their deltas and give way to their event', () => {
    const previews = new Previews();
    previews.take({ type: 'event_start', event: { id: 'm', type: 'agent.message' } });
    for (const text of ['Hel', 'lo']) {
      previews.take({ type: 'event_delta', event_id: 'm', delta: { content: { text } } });
    }
    expect(previews.byId.get('m')?.text).toBe('Hello');
    expect(previews.take({ type: 'event_delta', event_id: 'other', delta: {} })).toBe(false);
    previews.settle({ id: 'm', type: 'agent.message' });
    expect(previews.byId.size).toBe(0);
  });

  test('frames are read from a text that is split anywhere', () => {
    const text = 'event: message\ndata: {"a":1}\n\n:\n\nevent: ping\ndata: {"b":2}\n\n';
    for (let cut = 0; cut <= text.length; cut += 1) {
      const reader = new SseReader();
      const told = [...reader.feed(text.slice(0, cut)), ...reader.feed(text.slice(cut))];
      expect(told).toEqual(['{"a":1}', '{"b":2}']);
    }
  });
});

describe('routes', () => {
  test('a name of any kind comes back as it was', () => {
    for (const name of ['sesn_1', 'a/b c', 'ü?x=1#y', '%2e%2e']) {
      const route = parseRoute(sessionHash(name, { event: '7' }));
      expect(route).toMatchObject({ page: 'session', name });
      expect(route.query.get('event')).toBe('7');
    }
  });

  test('what is none leads nowhere', () => {
    expect(parseRoute('').page).toBe('fleet');
    expect(parseRoute('#/sessions?status=idle').query.get('status')).toBe('idle');
    expect(parseRoute('#/sessions/%E0%A4%A').page).toBe('nowhere');
    expect(parseRoute('#/else').page).toBe('nowhere');
  });
});
