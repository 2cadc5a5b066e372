import { isProblem } from '@tidemark/protocol';
import { bytesOf, textOf } from '@tidemark/std';
import { expect, test } from 'vitest';
import { idOf } from './ids.ts';
import { pageText, parseLimit, parseOrder, parsePage, valuesOf } from './pages.ts';
import { parseCreateSession, parseUpdateSession } from './session-requests.ts';
import { isWithin, parseTimeRange } from './time-range.ts';

function refused(run: () => unknown): string {
  try {
    run();
  } catch (cause) {
    if (isProblem(cause)) return cause.message;
    throw cause;
  }
  return 'none';
}

const created = (fields: object): ReturnType<typeof parseCreateSession> =>
  parseCreateSession(bytesOf(JSON.stringify(fields)), () => 'sesrsc_1');

test('a page carries its order, and no other is taken with it', () => {
  const page = pageText('asc', '0000000000000007_0011aabb');
  expect(parsePage(page, 'asc')).toBe('0000000000000007_0011aabb');
  expect(refused(() => parsePage(page, 'desc'))).toBe('page is of the other order');
  expect(refused(() => parsePage('nonsense', 'asc'))).toBe('page is none of ours');
  expect(parsePage('', 'asc')).toBeUndefined();
  expect([parseOrder(undefined, 'desc'), parseOrder('asc', 'desc')]).toEqual(['desc', 'asc']);
  expect(parseLimit('5000', { fallback: 1, max: 1_000 })).toBe(1_000);
  expect(refused(() => parseLimit('0', { fallback: 1, max: 9 }))).toBe('limit is 1 to 9');
});

test('values come however clients repeat a parameter', () => {
  const of = (query: string): readonly string[] => valuesOf(new URLSearchParams(query), 'types');
  expect(of('types[]=a&types[]=b')).toEqual(['a', 'b']);
  expect(of('types=a&types=b')).toEqual(['a', 'b']);
  expect(of('types=a,b')).toEqual(['a', 'b']);
  expect(of('')).toEqual([]);
});

test('times are compared as times, whatever their offset and encoding', () => {
  const range = (query: string) => parseTimeRange(new URLSearchParams(query), 'created_at');
  const atMs = Date.parse('2026-11-28T10:00:00Z');
  expect(isWithin(range('created_at[gte]=2026-11-28T11:00:00+01:00'), atMs)).toBe(true);
  expect(isWithin(range('created_at[gt]=2026-11-28T10:00:00%2B00:00'), atMs)).toBe(false);
  expect(isWithin(range('created_at[lte]=2026-11-28T10:00:00Z'), atMs)).toBe(true);
  expect(isWithin(range('created_at[lt]=2026-11-28T10:00:00Z'), atMs)).toBe(false);
  expect(refused(() => range('created_at[gt]=yesterday'))).toContain('RFC 3339');
});

test('a session is made with what the vendor documents, and told what is wrong otherwise', () => {
  const { profile, agent } = created({
    agent: { type: 'agent_with_overrides', id: 'a', version: 3, system: 's', other: 1 },
    environment_id: 'e',
    metadata: { a: 'b' },
    resources: [
      { type: 'github_repository', url: 'https://x/y.git', authorization_token: 'secret' },
    ],
    budget: { type: 'limit', max_list_cost: { amount: '100', currency: 'USD' } },
    limits: { events: 5, other: 7 },
  });
  expect(agent).toEqual({ id: 'a', version: 3, overrides: { system: 's' } });
  expect(profile).toMatchObject({ environmentId: 'e', limits: { events: 5 } });
  expect(profile.resources).toEqual([
    {
      id: 'sesrsc_1',
      type: 'github_repository',
      url: 'https://x/y.git',
      mount_path: '/workspace/y',
    },
  ]);
  expect(JSON.stringify(profile)).not.toContain('secret');
  const wrong: readonly (readonly [object, string])[] = [
    [{ agent: 7 }, 'agent is an id'],
    [{ metadata: { a: 1 } }, 'metadata.a is text'],
    [{ metadata: { ['k'.repeat(65)]: '' } }, 'a key of metadata'],
    [{ metadata: { a: 'v'.repeat(513) } }, 'at most 512'],
    [{ title: 7 }, 'title is text'],
    [{ resources: [{ type: 'x' }] }, 'resources[0].type'],
    [{ budget: { type: 'limit', max_list_cost: { amount: '1.5', currency: 'USD' } } }, 'cents'],
    [{ initial_events: Array.from({ length: 51 }, () => ({ type: 'a' })) }, 'at most 50'],
    [{ ttl_seconds: 0 }, 'ttl_seconds'],
  ];
  for (const [fields, expected] of wrong)
    expect(refused(() => created(fields))).toContain(expected);
});

test('an update says what it changes, and leaves the rest', () => {
  const update = (fields: object) => parseUpdateSession(bytesOf(JSON.stringify(fields)));
  expect(update({ title: null, metadata: { a: null } })).toEqual({
    patch: { title: null, metadata: { a: null } },
    agent: undefined,
  });
  expect(update({ agent: { tools: [] } })).toEqual({ patch: {}, agent: { tools: [] } });
  expect(refused(() => update({ vault_ids: ['v'] }))).toContain('vault_ids');
  expect(parseUpdateSession(bytesOf(''))).toEqual({ patch: {}, agent: undefined });
});

test('names are opaque and of one length', () => {
  const id = idOf('sesn', '00112233445566778899aabbccddeeff');
  expect(id).toMatch(/^sesn_[0-9a-hjkmnp-tv-z]{26}$/);
});

test('events that a session begins with are stored as they came', () => {
  const body =
    '{"title":"t","initial_events":[1],"initial_events":[ {"type":"n","big":12345678901234567890, "one":1.0} ]}';
  const { events } = parseCreateSession(bytesOf(body), () => 'sesrsc_1');
  expect(events?.events.map(textOf)).toEqual([
    ',"type":"n","big":12345678901234567890, "one":1.0}',
  ]);
});
