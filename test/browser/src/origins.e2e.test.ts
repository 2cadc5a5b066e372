// What web pages that are open on a developer's machine can do to the server that runs there.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppProcess, startApp } from '@tidemark/infra';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchIn, friendlyHost, hostileHost, startBrowser } from './browser.ts';
import { type PageServer, startPages } from './pages.ts';

let browser: Browser;
let pages: PageServer;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-browser-'));
  [browser, pages] = await Promise.all([startBrowser(), startPages()]);
});

afterAll(async () => {
  await browser?.close();
  await pages?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function startServer(env: Readonly<Record<string, string>> = {}): Promise<AppProcess> {
  const dataDir = join(folder, randomUUID());
  const all = { TIDEMARK_DATA_DIR: dataDir, TIDEMARK_LONG_POLL_MS: '500', ...env };
  return startApp({ app: 'server', index: 0, folder, env: all });
}

const json = { 'content-type': 'application/json' };
const keptBy = async (app: AppProcess, headers = {}): Promise<string> =>
  (await fetch(`${app.url}/v1/stream/diary`, { headers })).text();

async function keep(app: AppProcess, headers = {}): Promise<void> {
  const parts = { method: 'PUT', headers: { ...json, ...headers }, body: '["mine"]' };
  const { status } = await fetch(`${app.url}/v1/stream/diary`, parts);
  expect(status).toBe(201);
}

async function pageAt(url: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(url);
  return page;
}

const pageOf = (host: string): Promise<Page> => pageAt(`http://${host}:${pages.port}/`);

describe('a server without keys', () => {
  let app: AppProcess;
  let diary: string;

  beforeAll(async () => {
    app = await startServer();
    diary = `http://localhost:${app.port}/v1/stream/diary`;
    await keep(app);
  });
  afterAll(() => app[Symbol.asyncDispose]());

  test.each([hostileHost, 'localhost', '127.0.0.1'])(
    'shows nothing to a page of another server, by the name of %s',
    async (host) => {
      const page = await pageOf(host);
      const queries = ['', '?offset=now', '?offset=-1&live=long-poll', '?offset=-1&live=sse'];
      const urls = queries.map((query) => `${diary}${query}`);
      urls.push(`http://localhost:${app.port}/metrics`);
      const answers = await Promise.all(urls.map((url) => fetchIn(page, url)));
      expect(new Set(answers)).toEqual(new Set(['blocked']));
      const heard = await page.evaluate(
        (url) =>
          new Promise((resolve) => {
            const source = new EventSource(url);
            source.onopen = () => resolve('open');
            source.onerror = () => resolve('refused');
          }),
        `${diary}?offset=-1&live=sse`,
      );
      expect(heard).toBe('refused');
    },
  );

  test('takes nothing from it, also where the page does not want to see the answer', async () => {
    const page = await pageOf(hostileHost);
    const write = { method: 'POST', headers: json, body: '["theirs"]' };
    expect(await fetchIn(page, diary, write)).toBe('blocked');
    expect(await fetchIn(page, diary, { method: 'DELETE' })).toBe('blocked');
    const blind = { method: 'POST', mode: 'no-cors', body: '["theirs"]' } as const;
    await fetchIn(page, diary, blind);
    await fetchIn(page, `http://localhost:${app.port}/v1/stream/new`, blind);
    await page.evaluate((url) => navigator.sendBeacon(url, '["theirs"]'), diary);
    await page.setContent(
      `<form method="post" enctype="text/plain" action="${diary}"><input name="a" value="b"></form>`,
    );
    const [answer] = await Promise.all([
      page.waitForResponse(diary),
      page.evaluate(() => document.querySelector('form')?.submit()),
    ]);
    expect(answer.status()).toBe(403);
    expect(await keptBy(app)).toBe('["mine"]');
  });

  test.each([hostileHost, 'localhost'])(
    'no surface of sessions is open to a page of another server, by the name of %s',
    async (host) => {
      const page = await pageOf(host);
      const sessions = `http://localhost:${app.port}/v1/sessions`;
      const paths = ['', '/diary', '/diary/events', '/diary/events/stream', '/diary/facts'];
      const others = ['search?q=mine', 'usage', 'agents', 'keys'];
      const urls = [
        ...paths.map((path) => `${sessions}${path}`),
        ...others.map((path) => `http://localhost:${app.port}/v1/${path}`),
      ];
      const body = '{"type":"user.message"}';
      const write = { method: 'POST', headers: json, body };
      const answers = await Promise.all([
        ...urls.map((url) => fetchIn(page, url)),
        fetchIn(page, `${sessions}/diary/events`, write),
      ]);
      expect(new Set(answers)).toEqual(new Set(['blocked']));
      const blind = { method: 'POST', mode: 'no-cors', body } as const;
      await Promise.all(
        ['/diary/events', '', '/diary/archive'].map((path) =>
          fetchIn(page, `${sessions}${path}`, blind),
        ),
      );
      await page.evaluate((url) => navigator.sendBeacon(url, '{}'), `${sessions}/diary/end`);
      const socket = await page.evaluate(
        (url) =>
          new Promise((resolve) => {
            const live = new WebSocket(url, 'tidemark.v1');
            live.onopen = () => resolve('open');
            live.onerror = () => resolve('refused');
          }),
        `ws://localhost:${app.port}/v1/live`,
      );
      expect(socket).toBe('refused');
      const listed = await fetch(`${app.url}/v1/sessions`);
      const { data } = (await listed.json()) as { data: readonly Record<string, unknown>[] };
      expect(data).toMatchObject([{ id: 'diary', archived_at: null, event_count: 1 }]);
      expect(await keptBy(app)).toBe('["mine"]');
    },
  );

  test('cannot be embedded by it', async () => {
    const page = await pageOf(hostileHost);
    const [answer] = await Promise.all([
      page.waitForResponse(diary),
      page.setContent(`<iframe src="${diary}"></iframe>`),
    ]);
    expect(answer.status()).toBe(403);
  });

  test('is not served by a name that was made to resolve to this machine', async () => {
    const page = await pageAt(`http://${hostileHost}:${app.port}/readyz`);
    expect(await fetchIn(page, '/v1/stream/diary')).toMatchObject({ status: 403 });
    const write = { method: 'POST', headers: json, body: '["theirs"]' };
    expect(await fetchIn(page, '/v1/stream/diary', write)).toMatchObject({ status: 403 });
    expect(await keptBy(app)).toBe('["mine"]');
  });

  test('serves what its user opens, and what a page of its own asks', async () => {
    const page = await pageAt(diary);
    expect(await page.textContent('body')).toContain('mine');
    expect(await fetchIn(page, '/v1/stream/diary')).toEqual({ status: 200, text: '["mine"]' });
    const own = { method: 'PUT', headers: json, body: '["own"]' };
    expect(await fetchIn(page, '/v1/stream/own', own)).toMatchObject({ status: 201 });
  });
});

test('a page of an allowed origin reads and writes, one of another does not', async () => {
  const origin = `http://${friendlyHost}:${pages.port}`;
  await using app = await startServer({ TIDEMARK_ALLOWED_ORIGINS: origin });
  await keep(app);
  const url = `${app.url}/v1/stream/diary`;
  const page = await pageOf(friendlyHost);
  const write = { method: 'POST', headers: json, body: '["more"]' };
  expect(await fetchIn(page, url, write)).toMatchObject({ status: 204 });
  expect(await fetchIn(page, url)).toEqual({ status: 200, text: '["mine","more"]' });
  const missing = await fetchIn(page, `${app.url}/v1/stream/missing`);
  expect(missing).toMatchObject({ status: 404 });
  expect(await fetchIn(await pageOf(hostileHost), url)).toBe('blocked');
});

test('with keys a page that has one is served, and sees the answer where its origin is allowed', async () => {
  const adminKey = randomUUID();
  const key = randomUUID();
  const origin = `http://${friendlyHost}:${pages.port}`;
  await using app = await startServer({
    TIDEMARK_ADMIN_KEY: adminKey,
    TIDEMARK_ALLOWED_ORIGINS: origin,
  });
  const made = await fetch(`${app.url}/v1/admin/tenants`, {
    method: 'POST',
    headers: { ...json, authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({ id: 'one', apiKey: key }),
  });
  expect(made.status).toBe(201);
  const authorization = `Bearer ${key}`;
  await keep(app, { authorization });
  const url = `${app.url}/v1/stream/diary`;
  const page = await pageOf(friendlyHost);
  expect(await fetchIn(page, url, { headers: { authorization } })).toMatchObject({ status: 200 });
  // The browser has the answer kept, for this key.
  expect(await fetchIn(page, url)).toMatchObject({ status: 401 });
  const hostile = await pageOf(hostileHost);
  expect(await fetchIn(hostile, url, { headers: { authorization } })).toBe('blocked');
});
