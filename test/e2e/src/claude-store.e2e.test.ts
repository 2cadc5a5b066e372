// The session store of the Claude Agent SDK. First what the vendor's suite checks, by its numbers; then what
// no suite does: repeats, breaks, several writers, long transcripts.

import { randomUUID } from 'node:crypto';
import {
  foldSessionSummary,
  getSessionMessages,
  listSessions,
  type SessionKey,
  type SessionStoreEntry,
} from '@anthropic-ai/claude-agent-sdk';
import { claudeSessionName } from '@tidemark/agent-formats';
import { claudeCases, claudeLongFile } from '@tidemark/agent-formats/testing';
import { TidemarkSessionStore } from '@tidemark/agent-stores/claude';
import { SessionsClient } from '@tidemark/sessions-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forgetIds } from './forgotten-ids.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';

let server: OwnServer;
let client: SessionsClient;

beforeAll(async () => {
  server = await startOwnServer('claude-store');
  client = new SessionsClient({ baseUrl: server.url });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const openStore = (fetch?: typeof globalThis.fetch): TidemarkSessionStore =>
  new TidemarkSessionStore({ baseUrl: server.url, fetch });

const newKey = (): SessionKey => ({ projectKey: `-p-${randomUUID()}`, sessionId: randomUUID() });

const entry = (text: string, more: object = {}): SessionStoreEntry => ({
  type: 'user',
  uuid: randomUUID(),
  timestamp: '2026-05-04T10:00:00.000Z',
  message: { role: 'user', content: text },
  ...more,
});

const entries = (count: number): SessionStoreEntry[] =>
  Array.from({ length: count }, (_, n) => entry(`entry ${n}`));

describe('conformance', () => {
  test('1, 3: what is appended is loaded, in the order of the calls', async () => {
    const [store, key] = [openStore(), newKey()];
    const [one, two, three] = [entries(2), entries(1), entries(3)];
    for (const batch of [one, two, three]) await store.append(key, batch);
    expect(await store.load(key)).toEqual([...one, ...two, ...three]);
  });

  test('2, 4: what was never written is null, and nothing appended is nothing', async () => {
    const [store, key] = [openStore(), newKey()];
    await store.append(key, []);
    expect(await store.load(key)).toBeNull();
    expect(await store.load({ ...key, subpath: 'subagents/agent-x' })).toBeNull();
    expect(await store.listSubkeys(key)).toEqual([]);
  });

  test('5, 6: subpaths and projects do not mix', async () => {
    const [store, key, other] = [openStore(), newKey(), newKey()];
    const sub = { ...key, subpath: 'subagents/agent-1' };
    const elsewhere = { ...key, projectKey: other.projectKey };
    const [a, b, c] = [entries(1), entries(2), entries(3)];
    await store.append(key, a);
    await store.append(sub, b);
    await store.append(elsewhere, c);
    expect(await store.load(key)).toEqual(a);
    expect(await store.load(sub)).toEqual(b);
    expect(await store.load(elsewhere)).toEqual(c);
  });

  test('7, 8: the sessions of a project are listed, but for those of sub-agents alone', async () => {
    const [store, key] = [openStore(), newKey()];
    const only = {
      projectKey: key.projectKey,
      sessionId: randomUUID(),
      subpath: 'subagents/agent-1',
    };
    await store.append(only, entries(1));
    expect(await store.listSessions(key.projectKey)).toEqual([]);
    await store.append(key, entries(1));
    const [listed, ...others] = await store.listSessions(key.projectKey);
    expect(others).toEqual([]);
    expect(listed?.sessionId).toBe(key.sessionId);
    expect(listed?.mtime).toBeGreaterThan(1e12);
    expect(Number.isSafeInteger(listed?.mtime)).toBe(true);
    await store.append({ projectKey: key.projectKey, sessionId: only.sessionId }, entries(1));
    expect(await store.listSessions(key.projectKey)).toHaveLength(2);
    expect(await store.listSessions('nothing here')).toEqual([]);
  });

  test('9, 10: a session is deleted with its subkeys, and nothing else', async () => {
    const [store, key] = [openStore(), newKey()];
    const sub = { ...key, subpath: 'subagents/agent-1' };
    const other = { ...key, sessionId: randomUUID() };
    for (const each of [key, sub, other]) await store.append(each, entries(2));
    await store.delete(newKey());
    await store.delete(key);
    expect(await store.load(key)).toBeNull();
    expect(await store.load(sub)).toBeNull();
    expect(await store.listSubkeys(key)).toEqual([]);
    expect(await store.load(other)).toHaveLength(2);
    const again = entries(1);
    await store.append(key, again);
    expect(await store.load(key)).toEqual(again);
    expect(await store.load(sub)).toBeNull();
    expect(await store.listSubkeys(key)).toEqual([]);
  });

  test('11, 12, 13: subkeys are those of the session, and are deleted one by one', async () => {
    const [store, key] = [openStore(), newKey()];
    const paths = [
      'subagents/agent-1',
      'subagents/workflows/run 1/agent-ä',
      `subagents/${'x'.repeat(200)}`,
    ];
    await store.append(key, entries(1));
    expect(await store.listSubkeys(key)).toEqual([]);
    for (const subpath of paths) await store.append({ ...key, subpath }, entries(1));
    expect((await store.listSubkeys(key)).toSorted()).toEqual(paths.toSorted());
    await store.delete({ ...key, subpath: paths[1] ?? '' });
    expect((await store.listSubkeys(key)).toSorted()).toEqual(
      paths.filter((_, at) => at !== 1).toSorted(),
    );
    expect(await store.load(key)).toHaveLength(1);
    const again = entries(2);
    await store.append({ ...key, subpath: paths[1] ?? '' }, again);
    expect(await store.load({ ...key, subpath: paths[1] ?? '' })).toEqual(again);
  });

  test('14: summaries are folded by the SDK’s own function, and not by what sub-agents append', async () => {
    const [store, key] = [openStore(), newKey()];
    const [one, two] = [
      entries(2),
      [{ type: 'custom-title', customTitle: 'named', sessionId: key.sessionId }],
    ];
    await store.append(key, one);
    await store.append(key, two);
    await store.append({ ...key, subpath: 'subagents/agent-1' }, [entry('not this')]);
    const [summary] = await store.listSessionSummaries(key.projectKey);
    const folded = [one, two].reduce<ReturnType<typeof foldSessionSummary> | undefined>(
      (before, batch) => foldSessionSummary(before, key, batch, { mtime: 0 }),
      undefined,
    );
    expect(summary).toMatchObject({ sessionId: key.sessionId, data: folded?.data });
    const [listed] = await store.listSessions(key.projectKey);
    expect(summary?.mtime).toBeGreaterThanOrEqual(listed?.mtime ?? 0);
    await store.delete(key);
    expect(await store.listSessionSummaries(key.projectKey)).toEqual([]);
  });
});

test('every kind of entry comes back deep-equal', async () => {
  const store = openStore();
  for (const { files } of claudeCases) {
    const key = newKey();
    const records = (files[0]?.text ?? '')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as SessionStoreEntry);
    const seen = new Set<unknown>();
    const unique = records.filter(
      ({ uuid }) => uuid === undefined || (!seen.has(uuid) && seen.add(uuid)),
    );
    await store.append(key, records);
    expect(await store.load(key)).toEqual(unique);
  }
});

test('an entry is appended once, whoever sends it again: repeats, other stores, at the same time', async () => {
  const [one, other, key] = [openStore(), openStore(), newKey()];
  const all = entries(40);
  await one.append(key, all.slice(0, 20));
  await other.append(key, all.slice(0, 20));
  await Promise.all([
    one.append(key, all.slice(20, 30)),
    other.append(key, all.slice(20, 30)),
    one.append(key, all.slice(30)),
    other.append(key, all.slice(30)),
  ]);
  expect(await one.load(key)).toEqual(all);
});

test('two stores on one key: each one’s order holds, and nothing is lost', async () => {
  const [one, other, key] = [openStore(), openStore(), newKey()];
  const [mine, theirs] = [entries(60), entries(60)];
  const write = async (store: TidemarkSessionStore, own: SessionStoreEntry[]): Promise<void> => {
    for (let at = 0; at < own.length; at += 5) await store.append(key, own.slice(at, at + 5));
  };
  await Promise.all([write(one, mine), write(other, theirs)]);
  const loaded = (await openStore().load(key)) ?? [];
  const ids = new Set(mine.map(({ uuid }) => uuid));
  expect(loaded.filter(({ uuid }) => ids.has(uuid))).toEqual(mine);
  expect(loaded.filter(({ uuid }) => !ids.has(uuid))).toEqual(theirs);
});

test('a break behind part of an append is mended by its repeat, also of entries without a uuid', async () => {
  const key = newKey();
  let appends = 0;
  const breaking: typeof globalThis.fetch = async (input, init) => {
    const isAppend = init?.method === 'POST' && (input as string).endsWith('/events');
    const response = await globalThis.fetch(input, init);
    if (!isAppend) return response;
    appends += 1;
    // The second part is committed, and its answer lost, and so are those of its repeats.
    if (appends >= 2 && appends <= 6) throw new TypeError('the line is dead');
    return response;
  };
  const store = openStore(breaking);
  const all = entries(1_200).map((each, n) => (n % 7 === 0 ? { type: 'mode', n: n % 14 } : each));
  await expect(store.append(key, all)).rejects.toThrow('no answer');
  await store.append(key, all);
  expect(await openStore().load(key)).toEqual(all);
  await store.append(key, [{ type: 'mode', n: 0 }]);
  await store.append(key, [{ type: 'mode', n: 0 }]);
  expect(await openStore().load(key)).toHaveLength(1_202);
});

test('an entry beyond what one request takes is stored and given back', async () => {
  const [store, key] = [openStore(), newKey()];
  const large = [
    entry('x'.repeat(10 * 1024 * 1024)),
    entry(`${'🌍'.repeat(3 * 1024 * 1024)}`),
    entry('small'),
  ];
  await store.append(key, large);
  expect(await store.load(key)).toEqual(large);
});

test('20,000 entries: loaded whole, and a replay adds nothing', async () => {
  const [store, key] = [openStore(), newKey()];
  const { text } = claudeLongFile(20_000);
  const all = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as SessionStoreEntry);
  const begun = performance.now();
  for (let at = 0; at < all.length; at += 500) await store.append(key, all.slice(at, at + 500));
  const appendedMs = performance.now() - begun;
  expect(await store.load(key)).toEqual(all);
  const loadedMs = performance.now() - begun - appendedMs;
  console.log(`20,000 entries: appended in ${appendedMs | 0} ms, loaded in ${loadedMs | 0} ms`);
  const { data: found } = await client.json<{ data: { id: string }[] }>('/v1/sessions', {
    query: { 'metadata[source_session]': key.sessionId },
  });
  const session = found[0]?.id ?? '';
  await forgetIds(client, session);
  const count = async (): Promise<unknown> =>
    (await client.json(`/v1/sessions/${session}`))['event_count'];
  const before = await count();
  const replaying = openStore();
  for (let at = 0; at < all.length; at += 500) await replaying.append(key, all.slice(at, at + 500));
  expect(await count()).toBe(before);
});

test('a mirrored transcript is a session: typed, searchable, its sub-agents threads', async () => {
  const [store, key] = [openStore(), newKey()];
  await store.append(key, [entry('where does the mirrored walrus sleep?')]);
  await store.append({ ...key, subpath: 'subagents/agent-7' }, [entry('under the lighthouse')]);
  const { data } = await client.json<{ data: Record<string, unknown>[] }>('/v1/search', {
    query: { q: 'mirrored walrus' },
  });
  expect(data).toMatchObject([{ type: 'user.message' }]);
  const session = String(data[0]?.['session_id']);
  const threads = await client.json<{ data: Record<string, unknown>[] }>(
    `/v1/sessions/${session}/threads`,
  );
  expect(threads.data.map(({ id }) => id)).toContain('sthr_agent-7');
});

test('the SDK’s own functions read through the store', async () => {
  const store = openStore();
  const cwd = '/home/someone/sdk';
  const key = { projectKey: '-home-someone-sdk', sessionId: randomUUID() };
  const first = entry('through the SDK', {
    sessionId: key.sessionId,
    cwd,
    parentUuid: null,
    isSidechain: false,
  });
  await store.append(key, [first]);
  const listed = await listSessions({ dir: cwd, sessionStore: store });
  expect(listed.map((each) => each.sessionId)).toContain(key.sessionId);
  const messages = await getSessionMessages(key.sessionId, { dir: cwd, sessionStore: store });
  expect(messages).toMatchObject([{ type: 'user', uuid: first.uuid }]);
});

test('who goes back on another host leaves a fork behind, and a repeat leaves none', async () => {
  const key = newKey();
  const first = entry('one', { parentUuid: null });
  const answer = { ...entry('an answer', { parentUuid: first.uuid }), type: 'assistant' };
  const left = entry('two, which is taken back', { parentUuid: answer.uuid });
  const instead = entry('two again', { parentUuid: answer.uuid });
  await openStore().append(key, [first, answer, left]);
  await openStore().append(key, [instead]);
  const session = claudeSessionName(key.projectKey, key.sessionId);
  const typesOf = async (name: string): Promise<string[]> => {
    const types: string[] = [];
    for await (const { type } of client.events({ session: name })) types.push(type);
    return types;
  };
  const before = ['user.message', 'agent.message', 'user.message'];
  const all = [...before, 'session.thread_rolled_back', 'user.message'];
  expect(await typesOf(session)).toEqual(all);
  const types = { 'types[]': ['session.thread_rolled_back'] };
  const { value: back } = await client.events({ session }, types).next();
  const fork = `${session}.${String(back?.['left'])}`;
  expect(await typesOf(fork)).toEqual(before);
  for (const again of [[first], [first, answer, left, instead], [instead]]) {
    await openStore().append(key, again);
  }
  expect(await typesOf(session)).toEqual(all);
  expect(await openStore().load(key)).toEqual([first, answer, left, instead]);
  await openStore().delete(key);
  expect(await client.find(`/v1/sessions/${fork}`)).toBeUndefined();
  await openStore().append(key, [first]);
  expect(await openStore().load(key)).toEqual([first]);
});
