// Chats of the AI SDK, with the protocol's own transport as it is published: an answer outlives the page that
// asked for it and the process that led there.

import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { createDurableChatTransport } from '@durable-streams/aisdk-transport';
import { TidemarkChats } from '@tidemark/agent-stores/ai-sdk';
import { SessionsClient } from '@tidemark/sessions-client';
import { readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai';
import type { MockLanguageModelV3 } from 'ai/test';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startChatApp, tideModel } from './chat-app.ts';
import { send } from './http-client.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { adminKey, makeTenant } from './tenants.ts';

let server: OwnServer;
let keyed: OwnServer;

beforeAll(async () => {
  [server, keyed] = await Promise.all([
    startOwnServer('chats'),
    startOwnServer('chats-keyed', { TIDEMARK_ADMIN_KEY: adminKey }),
  ]);
});
afterAll(async () => {
  await Promise.all([server?.[Symbol.asyncDispose](), keyed?.[Symbol.asyncDispose]()]);
});

const said = (text: string): UIMessage => ({
  id: randomUUID(),
  role: 'user',
  parts: [{ type: 'text', text }],
});

const asking = (chatId: string, messages: UIMessage[]) =>
  ({
    trigger: 'submit-message',
    chatId,
    messageId: undefined,
    messages,
    abortSignal: undefined,
  }) as const;

async function collected(
  stream: AsyncIterable<UIMessageChunk> | null,
  isEnough: (chunk: UIMessageChunk) => boolean = () => false,
): Promise<UIMessageChunk[]> {
  const chunks: UIMessageChunk[] = [];
  for await (const chunk of stream ?? []) {
    chunks.push(chunk);
    if (isEnough(chunk)) break;
  }
  return chunks;
}

async function messageOf(chunks: readonly UIMessageChunk[]): Promise<UIMessage | undefined> {
  let last: UIMessage | undefined;
  const stream = ReadableStream.from<UIMessageChunk>(chunks);
  for await (const message of readUIMessageStream({ stream })) last = message;
  return last;
}

test('an answer whose page is lost is read from its beginning through another process', async () => {
  const chatId = `chat ${randomUUID()}`;
  const lastWord = Promise.withResolvers<void>();
  const [one, other] = [1, 2].map(() => new TidemarkChats({ baseUrl: server.url }));
  const model = tideModel(lastWord.promise);
  await using first = await startChatApp(one as TidemarkChats, model);
  await using second = await startChatApp(other as TidemarkChats, model);
  const question = said('what is the tide at Brest?');
  const page = createDurableChatTransport({ api: first.api });
  const seen = await collected(
    await page.sendMessages(asking(chatId, [question])),
    ({ type }) => type === 'text-delta',
  );
  expect(await other?.load(chatId)).toEqual([question]);

  const reopened = createDurableChatTransport({ api: second.api });
  const resumed = reopened.reconnectToStream({ chatId: encodeURIComponent(chatId) });
  const rest = collected(await resumed);
  lastWord.resolve();
  const whole = await rest;
  expect(whole.slice(0, seen.length)).toEqual(seen);
  const answer = await messageOf(whole);
  expect(answer?.parts.map(({ type }) => type)).toEqual([
    'step-start',
    'reasoning',
    'tool-tide',
    'step-start',
    'text',
  ]);
  await expect.poll(() => other?.load(chatId), { timeout: 20_000 }).toHaveLength(2);
  const [, kept] = (await other?.load(chatId)) ?? [];
  expect(kept).toEqual(JSON.parse(JSON.stringify(answer)));
  const nothing = (): Promise<unknown> =>
    reopened.reconnectToStream({ chatId: encodeURIComponent(chatId) });
  await expect.poll(nothing, { timeout: 20_000 }).toBeNull();
});

test('a chat is a session whose events are typed, tell their calls apart, and are found', async () => {
  const chatId = randomUUID();
  const chats = new TidemarkChats({ baseUrl: server.url });
  await using app = await startChatApp(chats, tideModel(Promise.resolve()));
  const page = createDurableChatTransport({ api: app.api });
  await collected(await page.sendMessages(asking(chatId, [said('an albatross asks')])));
  await expect.poll(() => chats.load(chatId), { timeout: 20_000 }).toHaveLength(2);
  const client = new SessionsClient({ baseUrl: server.url });
  const events = [];
  for await (const event of client.events({ session: chats.sessionOf(chatId) })) events.push(event);
  expect(events.map(({ type }) => type)).toEqual([
    'user.message',
    'agent.thinking',
    'agent.tool_use',
    'agent.tool_result',
    'agent.message',
  ]);
  expect(events[3]).toMatchObject({ tool_use_id: events[2]?.id, tool_name: 'tide' });
  const found = await client.json('/v1/search', { query: { q: 'albatross' } });
  expect(found['data']).toMatchObject([{ session_id: chats.sessionOf(chatId), seq: 0 }]);
  expect(await client.json(`/v1/sessions/${chats.sessionOf(chatId)}`)).toMatchObject({
    metadata: { source: 'ai-sdk', source_session: chatId },
  });
});

test('the next answer takes the place of the one before, whose stream goes', async () => {
  const chatId = randomUUID();
  const chats = new TidemarkChats({ baseUrl: server.url });
  const question = said('first');
  const before = await chats.begin(chatId, [question]);
  const located = async (): Promise<string | null> =>
    (await chats.reconnect(chatId)).headers.get('location');
  expect(await located()).toBe(before.stream.readUrl);
  const next = await chats.begin(chatId, [question, said('second')]);
  expect(await located()).toBe(next.stream.readUrl);
  expect((await send(before.stream.readUrl)).status).toBe(404);
  // The process of the one before comes late: the chat is not its any more.
  await before.end([question, said('late')]);
  expect(await chats.load(chatId)).toHaveLength(2);
  expect(await located()).toBe(next.stream.readUrl);
  await chats.delete(chatId);
  expect(await chats.load(chatId)).toEqual([]);
  expect((await chats.reconnect(chatId)).status).toBe(204);
  expect((await send(next.stream.readUrl)).status).toBe(404);
});

test('an answer that was written to its end, and never saved, is read all the same', async () => {
  const chatId = randomUUID();
  const chats = new TidemarkChats({ baseUrl: server.url });
  const { stream } = await chats.begin(chatId, [said('and then it died')]);
  const chunk = { type: 'text-start', id: 't' };
  const headers = { 'content-type': 'application/json', 'stream-closed': 'true' };
  const body = JSON.stringify([chunk]);
  expect((await send(stream.writeUrl, { method: 'POST', headers, body })).status).toBe(204);
  await using app = await startChatApp(chats, tideModel(Promise.resolve()));
  const page = createDurableChatTransport({ api: app.api });
  expect(await collected(await page.reconnectToStream({ chatId }))).toEqual([chunk]);
});

test('with keys a page has a token for the answer, and for nothing else', async () => {
  const { key } = await makeTenant(keyed.url);
  const chatId = randomUUID();
  const chats = new TidemarkChats({ baseUrl: keyed.url, apiKey: key });
  await using app = await startChatApp(chats, tideModel(Promise.resolve()));
  const page = createDurableChatTransport({ api: app.api });
  const chunks = await collected(
    await page.sendMessages(asking(chatId, [said('who goes there?')])),
  );
  expect(chunks.at(-1)?.type).toBe('finish');
  const readUrl = new URL(app.located());
  const token = readUrl.searchParams.get('token') ?? '';
  expect(app.located()).not.toContain(key);
  expect((await send(readUrl.href)).status).toBe(200);
  const session = chats.sessionOf(chatId);
  for (const path of [`/v1/sessions/${session}`, `/v1/stream/${session}`, '/v1/sessions']) {
    const { status } = await send(`${keyed.url}${path}?token=${encodeURIComponent(token)}`);
    expect({ path, status }).toEqual({ path, status: path === '/v1/sessions' ? 403 : 404 });
  }
  const write = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const url = `${readUrl.origin}${readUrl.pathname}`;
  expect((await send(url, { method: 'POST', headers: write, body: '[{}]' })).status).toBe(403);
});

const message = fc.record({
  id: fc.constantFrom('a', 'b', 'c', 'd'),
  role: fc.constantFrom('user', 'assistant', 'system'),
  parts: fc.array(
    fc.oneof(
      fc.record({ type: fc.constant('text'), text: fc.string() }),
      fc.record({ type: fc.constant('reasoning'), text: fc.string() }),
      fc.record({
        type: fc.constant('file'),
        mediaType: fc.constant('image/png'),
        url: fc.constantFrom('data:image/png;base64,aGVsbG8=', 'https://a.example/b.png'),
      }),
      fc.record({
        type: fc.constant('tool-look'),
        toolCallId: fc.string(),
        state: fc.constantFrom('input-available', 'output-available', 'output-error'),
        input: fc.jsonValue(),
        output: fc.jsonValue(),
        errorText: fc.string(),
      }),
      fc.record({ type: fc.constant('data-weather'), data: fc.jsonValue() }),
    ),
    { maxLength: 3 },
  ),
}) as unknown as fc.Arbitrary<UIMessage>;

test('whatever is edited, answered anew or taken back, a chat is what was saved last', async () => {
  const lists = fc.array(fc.array(message, { maxLength: 4 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(lists, async (saved) => {
      const chatId = randomUUID();
      const [one, other] = [1, 2].map(() => new TidemarkChats({ baseUrl: server.url }));
      for (const [index, messages] of saved.entries()) {
        await (index % 2 === 0 ? one : other)?.save(chatId, messages);
      }
      const plain = JSON.parse(JSON.stringify(saved.at(-1))) as unknown;
      for (const chats of [one, other]) expect(await chats?.load(chatId)).toEqual(plain);
    }),
    { numRuns: 25 },
  );
});

test('what is there is not appended again, and more than a request carries goes in several', async () => {
  const chatId = randomUUID();
  const chats = new TidemarkChats({ baseUrl: server.url });
  const client = new SessionsClient({ baseUrl: server.url });
  const countOf = async (): Promise<number> =>
    Number((await client.json(`/v1/sessions/${chats.sessionOf(chatId)}`))['event_count']);
  const many = Array.from({ length: 1_200 }, (_, n) => said(`number ${n}`));
  await chats.save(chatId, many);
  expect(await countOf()).toBe(1_200);
  await chats.save(chatId, [...many, said('one more')]);
  expect(await countOf()).toBe(1_201);
  const large = Array.from({ length: 6 }, () => said('x'.repeat(1_500_000)));
  await chats.save(chatId, large);
  expect(await new TidemarkChats({ baseUrl: server.url }).load(chatId)).toEqual(large);
});

test('two who save at once end with what one of them saved, whole', async () => {
  const chatId = randomUUID();
  const lists = [1, 2].map((n) => Array.from({ length: 5 }, (_, at) => said(`${n}.${at}`)));
  await Promise.all(
    lists.map((messages) => new TidemarkChats({ baseUrl: server.url }).save(chatId, messages)),
  );
  const kept = await new TidemarkChats({ baseUrl: server.url }).load(chatId);
  expect(lists).toContainEqual(kept);
});

interface Example {
  readonly answer: (request: Request, model: MockLanguageModelV3) => Promise<Response>;
  readonly resume: (id: string) => Promise<Response>;
  readonly load: (id: string) => Promise<UIMessage[]>;
}

test('the examples of docs/AGENTS.md have the types that they need, and that of chats works', async () => {
  const root = join(import.meta.dirname, '../../..');
  const docs = await readFile(join(root, 'docs/AGENTS.md'), 'utf8');
  const blocks = [...docs.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
  expect(blocks).toHaveLength(2);
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-agents-'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const files = blocks.map((_, index) => join(folder, `example-${index}.ts`));
  for (const [index, code] of blocks.entries()) {
    await writeFile(files[index] ?? '', code.replaceAll('http://127.0.0.1:4437', server.url));
  }
  const strict = ['--strict', '--noEmit', '--skipLibCheck', '--exactOptionalPropertyTypes'];
  const place = ['--module', 'nodenext', '--target', 'es2024', '--types', 'node'];
  const own = ['--allowImportingTsExtensions', '--lib', 'es2024,esnext.disposable,dom'];
  await promisify(execFile)('npx', ['tsc', ...strict, ...place, ...own, ...files], { cwd: root });
  const { answer, resume, load } = (await import(pathToFileURL(files[1] ?? '').href)) as Example;
  const id = randomUUID();
  const body = JSON.stringify({ id, messages: [said('an example asks')] });
  const request = new Request('http://app.test/api/chat', { method: 'POST', body });
  const told = await answer(request, tideModel(Promise.resolve()));
  expect(told.headers.get('location')).toContain(server.url);
  await expect.poll(() => load(id), { timeout: 20_000 }).toHaveLength(2);
  expect((await resume(id)).status).toBe(204);
  await rm(folder, { recursive: true });
});
