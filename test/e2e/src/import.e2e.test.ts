// Transcripts as their tools leave them, imported by the command line into a real server. `TIDEMARK_TEST_LONG=1`
// imports 100,000 records, and follows a file for a minute.

import {
  appendFile,
  mkdir,
  mkdtemp,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { zstdCompressSync } from 'node:zlib';
import { claudeSessionName } from '@tidemark/agent-formats';
import {
  type CaseFile,
  claudeCases,
  claudeLongFile,
  codexCases,
  opencodeCases,
} from '@tidemark/agent-formats/testing';
import { type AppProcess, freePorts, startApp } from '@tidemark/infra';
import { type Json, SessionsClient, type StoredEvent } from '@tidemark/sessions-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliAnswer, jsonOf, runCli, startCli } from './cli.ts';
import { forgetIds } from './forgotten-ids.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';

const isLong = process.env['TIDEMARK_TEST_LONG'] === '1';

let server: OwnServer;
let client: SessionsClient;

beforeAll(async () => {
  server = await startOwnServer('import');
  client = new SessionsClient({ baseUrl: server.url });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

async function folderOf(files: readonly CaseFile[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-transcripts-'));
  for (const { path, text } of files) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    // At rest: nobody is writing it.
    await utimes(file, 1_700_000_000, 1_700_000_000);
  }
  return folder;
}

const importing = (source: string, from: string, ...more: string[]): Promise<CliAnswer> =>
  runCli(['import', source, '--from', from, '--json', ...more], { url: server.url });

const totalOf = (answer: CliAnswer): Json => jsonOf(answer).at(-1)?.['total'] as Json;

const sessionsIn = (answer: CliAnswer): string[] => [
  ...new Set(
    jsonOf(answer).flatMap(({ session }) => (typeof session === 'string' ? [session] : [])),
  ),
];

async function eventsOf(session: string, thread?: string): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const event of client.events({ session, thread })) events.push(event);
  return events;
}

/** Of the import itself; the server tells what else was changed. */
const typesOf = (events: readonly StoredEvent[]): string[] =>
  events.map(({ type }) => type).filter((type) => type !== 'session.updated');

async function threadsOf(session: string): Promise<Map<string, string>> {
  const created = (await eventsOf(session)).filter(({ type }) => type === 'session.thread_created');
  return new Map(
    created.map((event) => [String(event['source_key']), String(event['session_thread_id'])]),
  );
}

async function exported(session: string, thread?: string): Promise<unknown[]> {
  const args = [
    'export',
    session,
    '--records',
    ...(thread === undefined ? [] : ['--thread', thread]),
  ];
  const answer = await runCli(args, { url: server.url });
  expect(answer.code).toBe(0);
  return jsonOf(answer);
}

const unique = (records: readonly unknown[]): unknown[] => {
  const uuids = new Set<unknown>();
  return records.filter((record) => {
    const { uuid } = record as { readonly uuid?: unknown };
    return uuid === undefined || (!uuids.has(uuid) && uuids.add(uuid));
  });
};

const recordsOf = ({ text }: CaseFile): unknown[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);

describe.each([
  ['claude-code', claudeCases],
  ['codex', codexCases],
  ['opencode', opencodeCases],
] as const)('%s', (source, cases) => {
  test.each(cases.map((each) => [each.name, each] as const))(
    '%s',
    async (_, { files, types, left }) => {
      const folder = await folderOf(files);
      const first = await importing(source, folder);
      expect(first).toMatchObject({ code: 0, err: '' });
      const [session = ''] = sessionsIn(first);
      const threads = await threadsOf(session);
      const wanted = Object.entries(types);
      expect([...threads.keys()].toSorted()).toEqual(
        wanted.flatMap(([key]) => (key === '' ? [] : [key])).toSorted(),
      );
      for (const [key, expected] of wanted) {
        const events = await eventsOf(session, threads.get(key));
        expect(typesOf(events).toSorted()).toEqual(expected.toSorted());
      }
      expect(await leftOf(session)).toEqual(left ?? []);
      const [main] = files;
      if (Object.keys(types).length === 1 && source !== 'opencode') {
        expect(await exported(session)).toEqual(unique(recordsOf(main as CaseFile)));
      }

      const second = await importing(source, folder);
      expect(totalOf(second)).toMatchObject({ records: 0, appended: 0, failed: 0 });
      const count = (await eventsOf(session)).length;
      expect(typesOf(await eventsOf(session))).toHaveLength(types['']?.length ?? 0);

      // From another folder, as another machine has it: what is there is known.
      const other = await importing(source, await folderOf(files));
      expect(totalOf(other)).toMatchObject({ appended: 0 });
      expect(await eventsOf(session)).toHaveLength(count);
    },
  );
});

/** What each fork has that keeps what was left behind. */
async function leftOf(session: string): Promise<string[][]> {
  const backs = (await eventsOf(session)).filter(({ left }) => left !== undefined);
  const forks = backs.map(({ left }) => eventsOf(`${session}.${String(left)}`));
  return (await Promise.all(forks)).map(typesOf);
}

test.each([
  ['claude-code', claudeCases, '00000000-0000-4000-8000-000000000fff'],
  ['codex', codexCases, '019a0000-0000-7000-8000-000000000fff'],
  ['opencode', opencodeCases, 'ses_elsewhere'],
] as const)(
  '%s: a fork is told by the name that its source has here',
  async (source, cases, id) => {
    const forked = cases.find(({ files }) => JSON.stringify(files).includes('fork'));
    await importing(source, await folderOf(forked?.files ?? []));
    const query = { 'metadata[source]': source, limit: 1_000 };
    const sessions: Json[] = [];
    for await (const each of client.list('/v1/sessions', { query })) sessions.push(each);
    const [session] = sessions.filter(({ metadata }) => 'forked_from' in (metadata as Json));
    const name = String(session?.['id']);
    const from = (session?.['metadata'] as Json | undefined)?.['forked_from'];
    expect(from).toBe(`${name.slice(0, name.lastIndexOf('.'))}.${id}`);
  },
);

test('an imported session has the title, the times and the numbers of its source, and is found', async () => {
  const titled = claudeCases.find(({ name }) => name.startsWith('titles'))?.files ?? [];
  await importing('claude-code', await folderOf(titled));
  const session = sessionNamed(titled[0]?.path ?? '');
  expect(await client.json(`/v1/sessions/${session}`)).toMatchObject({
    title: 'A title of one’s own',
    metadata: { source: 'claude-code', cwd: '/home/someone/work', git_branch: 'main' },
  });
  const files = claudeCases[0]?.files ?? [];
  await importing('claude-code', await folderOf(files));
  const first = sessionNamed(files[0]?.path ?? '');
  const about = await client.json(`/v1/sessions/${first}`);
  expect(about).toMatchObject({
    usage: { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 100 },
    metadata: { models: 'claude-opus-5', input_tokens: '10' },
  });
  const [event] = await eventsOf(first);
  expect(event?.['processed_at']).toMatch(/^2026-05-04T10:00:0/);
  const interrupted = claudeCases.find(({ name }) => name === 'an interrupted turn');
  await importing('claude-code', await folderOf(interrupted?.files ?? []));
  const found = await runCli(['search', 'interrupted by user', '--json'], { url: server.url });
  expect(jsonOf(found)[0]?.['type']).toBe('user.interrupt');
});

test('a torn line is taken once it is whole, and a tail alone is read', async () => {
  const torn = claudeCases.find(({ name }) => name === 'a torn last line');
  const folder = await folderOf(torn?.files ?? []);
  const file = join(folder, torn?.files[0]?.path ?? '');
  await importing('claude-code', folder);
  await appendFile(file, 'er","content":"now whole"}}\n');
  const answer = await importing('claude-code', folder);
  expect(totalOf(answer)).toMatchObject({ records: 1, appended: 1 });
  const [session = ''] = sessionsIn(answer);
  expect(JSON.stringify(await eventsOf(session))).toContain('now whole');
});

test('a long session: fast, whole, and a second import appends nothing even where nothing was noted', async () => {
  const records = isLong ? 100_000 : 30_000;
  const file = claudeLongFile(records);
  const folder = await folderOf([file]);
  const begun = performance.now();
  const answer = await importing('claude-code', folder);
  const perMinute = Math.round((records / (performance.now() - begun)) * 60_000);
  console.log(`${perMinute} records a minute`);
  expect(answer).toMatchObject({ code: 0, err: '' });
  // Several times as many where the machine has nothing else to do.
  expect(perMinute).toBeGreaterThan(25_000);
  const [session = ''] = sessionsIn(answer);
  expect(await exported(session)).toEqual(recordsOf(file));
  await forgetIds(client, session);
  const before = Number((await client.json(`/v1/sessions/${session}`))['event_count']);
  await client.json(`/v1/sessions/${session}/facts/import.main`, { method: 'DELETE' });
  const again = await importing('claude-code', folder);
  expect(totalOf(again)).toMatchObject({ records, appended: 0 });
  const after = Number((await client.json(`/v1/sessions/${session}`))['event_count']);
  expect(after - before).toBeLessThanOrEqual(1);
});

test('an import that is killed is mended by the next one', async () => {
  const file = claudeLongFile(12_000);
  const text = file.text
    .replaceAll('0000ffff', '0000fffe')
    .replaceAll('00000000ffff', '00000000fffe');
  const path = file.path.replaceAll('00000000ffff', '00000000fffe');
  const folder = await folderOf([{ path, text }]);
  const killed = startCli(['import', 'claude-code', '--from', folder], { url: server.url });
  const session = `/v1/sessions/${encodeURIComponent(sessionNamed(path))}`;
  await expect
    .poll(async () => Number((await client.find(session))?.['event_count'] ?? 0), {
      timeout: 20_000,
    })
    .toBeGreaterThan(500);
  killed.child.kill('SIGKILL');
  await killed.ended;
  const answer = await importing('claude-code', folder);
  expect(answer).toMatchObject({ code: 0 });
  const [name = ''] = sessionsIn(answer);
  expect(await exported(name)).toEqual(recordsOf({ path, text }));
});

/** As the importer will name it: the same on every machine. */
function sessionNamed(path: string): string {
  const [, project = '', name = ''] = path.split('/');
  return claudeSessionName(project, name.replace('.jsonl', ''));
}

test('watch follows a file that is written, cut off and begun anew', async () => {
  const [plain] = claudeCases;
  const path = 'projects/-w/11111111-0000-4000-8000-000000000001.jsonl';
  const text = plain?.files[0]?.text ?? '';
  const folder = await folderOf([{ path, text }]);
  const file = join(folder, path);
  const watching = startCli(['import', 'claude-code', '--from', folder, '--watch', '--json'], {
    url: server.url,
  });
  const name = sessionNamed(path);
  const said = async (): Promise<string> =>
    JSON.stringify((await eventsOf(name).catch(() => [])).map(({ content }) => content));
  const line = (n: number): string =>
    `${JSON.stringify({ type: 'user', uuid: `w${n}`, message: { role: 'user', content: `line number ${n}.` } })}\n`;
  const comes = (n: number): Promise<void> =>
    expect.poll(said, { timeout: 20_000 }).toContain(`line number ${n}.`);
  await expect.poll(said, { timeout: 20_000 }).toContain('hello there');
  const written: number[] = [];
  const endMs = performance.now() + (isLong ? 60_000 : 0);
  for (let base = 0; base === 0 || performance.now() < endMs; base += 1_000) {
    for (let n = base; n < base + 20; n += 1) {
      const whole = line(n);
      await appendFile(file, whole.slice(0, 20));
      await delay(50);
      await appendFile(file, whole.slice(20));
      written.push(n);
    }
    await comes(base + 19);
    await truncate(file, 0);
    await writeFile(file, line(base + 100) + line(base + 3));
    await comes(base + 100);
    await rm(file);
    await writeFile(file, line(base + 200));
    await comes(base + 200);
    written.push(base + 100, base + 200);
  }
  watching.child.kill('SIGINT');
  expect((await watching.ended).code).toBe(130);
  const numbers = [...(await said()).matchAll(/line number (\d+)\./g)].map(([, n]) => Number(n));
  expect(numbers).toEqual(written);
  console.log(`${written.length} lines followed`);
  expect((await stat(folder)).isDirectory()).toBe(true);
});

test('watch outlives its server, and transcripts that go', async () => {
  const data = await mkdtemp(join(tmpdir(), 'tidemark-away-'));
  const [port = 0] = await freePorts(1);
  const env = { TIDEMARK_DATA_DIR: join(data, 'data'), TIDEMARK_PORT: String(port) };
  const start = (): Promise<AppProcess> => startApp({ app: 'server', index: 0, folder: data, env });
  const url = `http://127.0.0.1:${port}`;
  const own = new SessionsClient({ baseUrl: url });
  const [plain] = claudeCases;
  const text = plain?.files[0]?.text ?? '';
  const pathOf = (n: number): string => `projects/-w/11111111-0000-4000-8000-00000000001${n}.jsonl`;
  const comes = (n: number): Promise<void> =>
    expect
      .poll(
        () =>
          own
            .find(`/v1/sessions/${encodeURIComponent(sessionNamed(pathOf(n)))}`)
            .catch(() => undefined),
        { timeout: 60_000 },
      )
      .toBeDefined();
  const folder = await folderOf([{ path: pathOf(1), text }]);
  const first = await start();
  const watching = startCli(['import', 'claude-code', '--from', folder, '--watch'], { url });
  await comes(1);
  await first[Symbol.asyncDispose]();
  await rm(join(folder, pathOf(1)));
  await writeFile(join(folder, pathOf(2)), text);
  await expect.poll(watching.err, { timeout: 60_000 }).toContain('tried again');
  await using _again = await start();
  await comes(2);
  watching.child.kill('SIGINT');
  expect((await watching.ended).code).toBe(130);
});

test('a rollout that was compressed, and put away, is the one that it was', async () => {
  const [plain] = codexCases;
  const [{ path, text } = { path: '', text: '' }] = plain?.files ?? [];
  const own = (name: string): string =>
    name.replace(/-[0-9a-f]{12}\.jsonl$/, '-00000000beef.jsonl');
  const content = text.replaceAll(/000000000001/g, '00000000beef');
  const first = await importing('codex', await folderOf([{ path: own(path), text: content }]));
  expect(totalOf(first)).toMatchObject({ failed: 0 });
  expect(Number(totalOf(first)['appended'])).toBeGreaterThan(0);
  const folder = await folderOf([]);
  const archived = own(path).replace(/^sessions\/.*\//, 'archived_sessions/');
  await mkdir(dirname(join(folder, archived)), { recursive: true });
  await writeFile(join(folder, `${archived}.zst`), zstdCompressSync(content));
  expect(totalOf(await importing('codex', folder))).toMatchObject({
    transcripts: 1,
    records: 0,
    appended: 0,
  });
  const more = `${JSON.stringify({ type: 'event_msg', payload: { type: 'turn_aborted' } })}\n`;
  await writeFile(join(folder, `${archived}.zst`), zstdCompressSync(content + more));
  expect(totalOf(await importing('codex', folder))).toMatchObject({ records: 1, appended: 1 });
});

test('secrets are taken out, and nothing else', async () => {
  const key = `sk-ant-${'api03-'}${'x'.repeat(40)}`;
  const record = (content: string): string =>
    `${JSON.stringify({ type: 'user', uuid: content.slice(0, 4), message: { role: 'user', content } })}\n`;
  const path = 'projects/-s/22222222-0000-4000-8000-000000000001.jsonl';
  const text =
    record(`take ${key} please`) +
    record('DB_PASSWORD=hunter2hunter2 here') +
    record('keep this as it is');
  const folder = await folderOf([{ path, text }]);
  const [session = ''] = sessionsIn(await importing('claude-code', folder, '--redact'));
  const stored = JSON.stringify(await eventsOf(session));
  expect(stored).not.toContain(key);
  expect(stored).not.toContain('hunter2');
  expect(stored).toContain('take [redacted anthropic-key] please');
  expect(stored).toContain('keep this as it is');
});

test('a dry run sends nothing, and since leaves out what is older', async () => {
  const path = 'projects/-d/33333333-0000-4000-8000-000000000001.jsonl';
  const folder = await folderOf([{ path, text: claudeCases[0]?.files[0]?.text ?? '' }]);
  const dry = await importing('claude-code', folder, '--dry-run');
  expect(totalOf(dry)).toMatchObject({ records: 2, appended: 0 });
  expect(await client.find(`/v1/sessions/${sessionNamed(path)}`)).toBeUndefined();
  expect(totalOf(await importing('claude-code', folder, '--since', '1h'))).toMatchObject({
    transcripts: 0,
  });
  const since = await importing('claude-code', folder, '--since', '2023-01-01');
  expect(totalOf(since)).toMatchObject({ transcripts: 1 });
});

test('any JSON lines: an event is one, and all else is kept', async () => {
  const text =
    '{"type":"order.placed","n":1}\n{"n":2}\n"words"\nnot json\n{"type":"user.message"}\n' +
    '{"type":"order.placed","n":3,"processed_at":"never"}\n';
  const folder = await folderOf([{ path: 'orders.jsonl', text }]);
  const answer = await importing('jsonl', folder);
  expect(answer).toMatchObject({ code: 0, err: '' });
  const events = await eventsOf('jsonl.orders');
  expect(typesOf(events)).toEqual([
    'order.placed',
    'record',
    'record',
    'record',
    'system.record.refused',
    'order.placed',
  ]);
  const back = await runCli(['export', 'jsonl.orders', '--records'], { url: server.url });
  expect(back.out.split('\n').slice(0, 2)).toEqual(['{"type":"order.placed","n":1}', '{"n":2}']);
});

test('opencode: its database gives what its files give', async () => {
  const { DatabaseSync } = await import('node:sqlite');
  const folder = await folderOf([]);
  const database = new DatabaseSync(join(folder, 'opencode.db'));
  database.exec(
    'CREATE TABLE session (id, parent_id, directory, title, version, time_created, time_updated, fork_session_id, revert)',
  );
  database.exec('CREATE TABLE message (id, session_id, time_created, time_updated, data)');
  database.exec('CREATE TABLE part (id, message_id, session_id, data)');
  const [plain] = opencodeCases;
  for (const { path, text } of plain?.files ?? []) {
    const { id, sessionID, messageID, ...data } = JSON.parse(text) as Record<string, string> & {
      readonly time: { readonly created: number };
    };
    const own = JSON.stringify(data);
    const [, kind = ''] = path.split('/');
    if (kind === 'session') {
      const insert = database.prepare('INSERT INTO session VALUES (?, NULL, ?, ?, ?, ?, ?, ?, ?)');
      const { directory = '', title = '', version = '' } = data as Record<string, string>;
      const { created } = data.time;
      const revert = JSON.stringify({ messageID: 'msg_plain_0002' });
      const named = ['ses_database', directory, title, version];
      insert.run(...named, created, created, 'ses_elsewhere', revert);
    } else if (kind === 'message') {
      const insert = database.prepare('INSERT INTO message VALUES (?, ?, ?, ?, ?)');
      insert.run(id ?? '', 'ses_database', data.time.created, data.time.created, own);
    } else {
      const insert = database.prepare('INSERT INTO part VALUES (?, ?, ?, ?)');
      insert.run(id ?? '', messageID ?? '', 'ses_database', own);
    }
    expect(sessionID === undefined || sessionID === 'ses_plain').toBe(true);
  }
  database.close();
  expect((await importing('opencode', folder)).code).toBe(0);
  const events = await eventsOf('opencode.ses_database');
  const wanted = [...(plain?.types[''] ?? []), 'session.thread_rolled_back'];
  expect(typesOf(events).toSorted()).toEqual(wanted.toSorted());
  expect(await leftOf('opencode.ses_database')).toHaveLength(1);
  expect(await client.json('/v1/sessions/opencode.ses_database')).toMatchObject({
    title: 'Session plain',
    metadata: {
      cost_usd: '0.012500',
      models: 'claude-opus-5',
      cwd: '/home/someone/work',
      forked_from: 'opencode.ses_elsewhere',
    },
  });
  expect(totalOf(await importing('opencode', folder))).toMatchObject({ records: 0, appended: 0 });
});

test('anthropic: sessions of another server, with their threads, and nothing twice', async () => {
  await using other = await startOwnServer('import-from');
  const there = new SessionsClient({ baseUrl: other.url });
  const made = await there.json('/v1/sessions', { method: 'POST', body: { title: 'far away' } });
  const session = String(made['id']);
  const thread = 'sthr_helper';
  await there.append({ session }, [
    { type: 'user.message', content: [{ type: 'text', text: 'over there' }] },
    { type: 'session.thread_created', session_thread_id: thread, agent_name: 'helper' },
  ]);
  const [use] = (
    await there.json<{ data: StoredEvent[] }>(`/v1/sessions/${session}/events`, {
      method: 'POST',
      body: { events: [{ type: 'agent.tool_use', name: 'bash', input: { command: 'ls' } }] },
    })
  ).data;
  await there.append({ session }, [
    { type: 'agent.tool_result', tool_use_id: use?.id, content: [] },
  ]);
  await there.append({ session, thread }, [
    { type: 'agent.message', content: [{ type: 'text', text: 'hi' }] },
  ]);
  const originals: StoredEvent[] = [];
  for await (const event of there.events({ session })) originals.push(event);
  const first = await importing('anthropic', other.url);
  expect(first).toMatchObject({ code: 0, err: '' });
  const name = `anthropic.${session}`;
  expect(await client.json(`/v1/sessions/${name}`)).toMatchObject({
    title: 'far away',
    metadata: { source: 'anthropic', source_session: session },
  });
  const events = await eventsOf(name);
  const call = events.find(({ type }) => type === 'agent.tool_use');
  const result = events.find(({ type }) => type === 'agent.tool_result');
  expect(result?.['tool_use_id']).toBe(call?.id);
  expect(await exported(name)).toEqual(originals);
  const copied = events.find(
    ({ native, ...event }) => event['session_thread_id'] === thread && native,
  );
  expect(copied?.type).toBe('session.thread_created');
  expect((await eventsOf(name, thread)).map(({ type }) => type)).toEqual(['agent.message']);
  const count = events.length;
  await there.append({ session }, [{ type: 'user.message', content: 'more' }]);
  expect(totalOf(await importing('anthropic', other.url))).toMatchObject({
    records: 1,
    appended: 1,
  });
  expect(await eventsOf(name)).toHaveLength(count + 1);
});
