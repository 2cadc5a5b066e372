// A session that is exported from one server and imported on another is the same there: its events bit for bit, what
// was folded from them, its facts, its threads.

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from './cli.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';

let here: OwnServer;
let there: OwnServer;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-archive-'));
  [here, there] = await Promise.all([startOwnServer('archive'), startOwnServer('restored')]);
});
afterAll(async () => {
  await here?.[Symbol.asyncDispose]();
  await there?.[Symbol.asyncDispose]();
});

async function ask(server: OwnServer, path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(`${server.url}${path}`, init);
  expect(response.ok).toBe(true);
  return response;
}

const bodyOf = async (server: OwnServer, path: string): Promise<string> =>
  Buffer.from(await (await ask(server, path)).arrayBuffer()).toString('base64');

const post = (path: string, body: unknown): Promise<Response> =>
  ask(here, path, { method: 'POST', body: JSON.stringify(body) });

const archive = (session: string, file: string) =>
  runCli(['export', session, '--archive', '--out', join(folder, file)], { url: here.url });
const restore = (file: string, session: string) =>
  runCli(['import', 'archive', '--from', join(folder, file), '--as', session], { url: there.url });

/** What does not change with the server, of a session. */
async function stateOf(server: OwnServer, session: string): Promise<unknown> {
  const answer = await ask(server, `/v1/sessions/${session}`);
  const told = (await answer.json()) as Record<string, unknown>;
  const ofTheClock = ['created_at', 'updated_at', 'state_changed_at', 'event_times', 'stats'];
  const lasting = Object.entries(told).filter(([field]) => !ofTheClock.includes(field));
  const { archived_at: at, usage, ...rest } = Object.fromEntries(lasting);
  return { ...rest, isArchived: at !== null, usage: { ...(usage as object), active_seconds: 0 } };
}

test('events, state, facts and threads', async () => {
  await ask(here, '/v1/sessions/whole', {
    method: 'PUT',
    body: JSON.stringify({ title: 'A title', metadata: { team: 'blue' }, limits: { events: 900 } }),
  });
  for (let round = 0; round < 40; round += 1) {
    await post('/v1/sessions/whole/events', {
      events: [
        { type: 'session.status_running' },
        { type: 'user.message', content: [{ type: 'text', text: `süß ${round} \u2028` }] },
        { type: 'span.model_request_end', model_usage: { input_tokens: 3, output_tokens: 2 } },
        { type: 'session.status_idle', stop_reason: { type: 'end_turn' } },
      ],
    });
  }
  await ask(here, '/v1/stream/whole', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '[ {\n "raw" : 1.0,\n "type":"x"}, "text", null, 1e2 ]',
  });
  await post('/v1/sessions/whole/events', {
    type: 'session.thread_created',
    session_thread_id: 'sthr_1',
    agent_name: 'helper',
  });
  await post('/v1/sessions/whole/threads/sthr_1/events', {
    type: 'agent.note',
    text: 'of a thread',
  });
  await ask(here, '/v1/sessions/whole/facts/known', { method: 'PUT', body: '{"a":[1,2]}' });
  await post('/v1/sessions/whole/archive', {});
  expect((await archive('whole', 'whole.archive')).code).toBe(0);
  const restored = await restore('whole.archive', 'whole');
  expect(restored).toMatchObject({ code: 0, err: '' });
  for (const path of [
    '/v1/stream/whole?offset=-1',
    '/v1/stream/whole~sthr_1?offset=-1',
    '/v1/sessions/whole/threads/sthr_1/events',
    '/v1/sessions/whole/facts/known',
  ]) {
    expect(await bodyOf(there, path)).toBe(await bodyOf(here, path));
  }
  expect(await stateOf(there, 'whole')).toEqual(await stateOf(here, 'whole'));
  expect((await archive('whole', 'again.archive')).code).toBe(0);
  const texts = await Promise.all(
    ['whole', 'again'].map((name) => readFile(join(folder, `${name}.archive`), 'utf8')),
  );
  expect(texts[0]).toBe(texts[1]);
});

test('a stream of bytes keeps its messages', async () => {
  await ask(here, '/v1/stream/raw', { method: 'PUT', headers: { 'content-type': 'text/plain' } });
  for (const text of ['one\n', 'two', '\u0000\u0001']) {
    const headers = { 'content-type': 'text/plain' };
    await ask(here, '/v1/stream/raw', { method: 'POST', headers, body: text });
  }
  await archive('raw', 'raw.archive');
  expect(await restore('raw.archive', 'raw')).toMatchObject({ out: 'raw: 3 of 3 events new\n' });
  expect(await bodyOf(there, '/v1/stream/raw?offset=-1')).toBe(
    await bodyOf(here, '/v1/stream/raw?offset=-1'),
  );
});

test('again appends nothing; what was cut off goes on; another session is left as it is', async () => {
  expect(await restore('whole.archive', 'whole')).toMatchObject({ code: 0, err: '' });
  expect(await restore('raw.archive', 'raw')).toMatchObject({ out: 'raw: 0 of 3 events new\n' });
  const text = await readFile(join(folder, 'whole.archive'), 'utf8');
  const lines = text.split('\n');
  await writeFile(join(folder, 'cut.archive'), `${lines.slice(0, 50).join('\n')}\n`);
  expect(await restore('cut.archive', 'half')).toMatchObject({
    code: 1,
    err: 'tidemark import: the archive was cut off\n',
  });
  const gone = await restore('whole.archive', 'half');
  expect(gone.code).toBe(0);
  expect(await bodyOf(there, '/v1/stream/half?offset=-1')).toBe(
    await bodyOf(here, '/v1/stream/whole?offset=-1'),
  );
  expect(await restore('raw.archive', 'half')).toMatchObject({ code: 1 });
  await writeFile(join(folder, 'bent.archive'), text.replace('süß 3 ', 'süß 4 '));
  expect(await restore('bent.archive', 'whole')).toMatchObject({
    code: 1,
    err: 'tidemark import: whole is there, and is another session\n',
  });
});
