import { describe, expect, test } from 'vitest';
import { deliveryPayload } from './delivery-payload.ts';
import { wants } from './destinations.ts';
import type { ToldEvent } from './run-events.ts';

const event = (type: string, more: object = {}): ToldEvent => ({
  id: 'own',
  seq: 7,
  ts: '2026-01-01T00:00:00Z',
  session: 'sesn_1',
  type,
  level: 'user',
  body: { text: 'hello', raw: { secret: 1 } },
  ...more,
});

describe('deliveryPayload', () => {
  const parts = { id: 'sevt_1', metadata: { a: 1 }, includesRaw: false };

  test('names the session, and the event by an id that is no other event’s', () => {
    expect(deliveryPayload(event('user.message'), parts)).toMatchObject({
      type: 'user.message',
      sessionId: 'sesn_1',
      eventId: 'sevt_1',
      metadata: { a: 1 },
      event: { id: 'own', seq: 7, body: { text: 'hello' } },
    });
  });

  test('leaves what is raw, unless it is asked for', () => {
    const bodyOf = (includesRaw: boolean): unknown =>
      (deliveryPayload(event('x'), { ...parts, includesRaw })['event'] as ToldEvent)['body'];
    expect(bodyOf(false)).toEqual({ text: 'hello' });
    expect(bodyOf(true)).toEqual({ text: 'hello', raw: { secret: 1 } });
  });

  test('cuts a body at 32 KiB, exactly', () => {
    const sized = (bytes: number): ToldEvent => {
      const rest = JSON.stringify({ text: '' }).length;
      return event('x', { body: { text: 'x'.repeat(bytes - rest) } });
    };
    const told = (bytes: number): ToldEvent =>
      deliveryPayload(sized(bytes), parts)['event'] as ToldEvent;
    expect(told(32 * 1_024)['body_truncated']).toBeUndefined();
    expect(told(32 * 1_024 + 1)).toMatchObject({
      body_truncated: true,
      body_bytes: 32 * 1_024 + 1,
      content_ref: '/v3/sessions/sesn_1/events/own/content',
    });
  });
});

describe('wants', () => {
  test.each([
    ['user', undefined, true],
    ['progress', undefined, true],
    ['user', ['turn.*'], false],
    ['user', ['turn.*', 'user.message'], true],
    ['user', ['user.*'], true],
    ['user', ['user'], false],
  ])('at level %s with the types %j: %s', (level, types, expected) => {
    expect(wants({ level, types }, event('user.message'))).toBe(expected);
  });

  test('an event of a level beyond is not', () => {
    const progress = event('tool.call', { level: 'progress' });
    expect(wants({ level: 'user' }, progress)).toBe(false);
    expect(wants({ level: 'internal' }, progress)).toBe(true);
  });
});
