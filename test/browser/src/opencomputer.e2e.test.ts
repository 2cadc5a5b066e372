// A page of an application that has a client token of one session and nothing else: the vendor's client in a
// real browser follows the session over a server that is killed, and steers it.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type connectSession, OpenComputer, type Session } from '@opencomputer/sdk';
import { type AppProcess, freePorts, startApp } from '@tidemark/infra';
import type { Browser, Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { friendlyHost, startBrowser } from './browser.ts';
import { type PageServer, startPages } from './pages.ts';

const adminKey = randomUUID();
const apiKey = randomUUID();

let browser: Browser;
let pages: PageServer;
let folder: string;
let app: AppProcess;
let port: number;

const startServer = (): Promise<AppProcess> =>
  startApp({
    app: 'server',
    index: 0,
    folder,
    env: {
      TIDEMARK_DATA_DIR: join(folder, 'data'),
      TIDEMARK_PORT: String(port),
      TIDEMARK_ADMIN_KEY: adminKey,
      TIDEMARK_ALLOWED_ORIGINS: `http://${friendlyHost}:${pages.port}`,
    },
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-page-'));
  [port = 0] = await freePorts(1);
  [browser, pages] = await Promise.all([startBrowser(), startPages()]);
  app = await startServer();
  const made = await fetch(`${app.url}/v1/admin/tenants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({ id: 'one', apiKey }),
  });
  if (made.status !== 201) throw new Error(`the tenant was not made: ${made.status}`);
});
afterAll(async () => {
  await browser?.close();
  await pages?.[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function pageScript(): Promise<string> {
  const input = join(import.meta.dirname, 'opencomputer-page-main.ts');
  const bundled = await rolldown({ input, platform: 'browser', logLevel: 'silent' });
  const { output } = await bundled.generate({ format: 'iife' });
  await bundled.close();
  return output[0].code;
}

interface PageGlobals {
  readonly connectSession: typeof connectSession;
  heard: { readonly seq: number; readonly text: string }[];
}

/** The page follows the session from now on; what it has heard stands in `heard`. */
const followIn = (page: Page, session: Session): Promise<void> =>
  page.evaluate(
    async ([sessionId, clientToken, baseUrl]) => {
      const here = globalThis as unknown as PageGlobals;
      here.heard = [];
      const joined = await here.connectSession({ sessionId, clientToken, baseUrl });
      Object.assign(here, { joined });
      // Where nobody listens for a moment the client gives up: its caller goes on from the last seq.
      const listen = async (): Promise<void> => {
        const after = here.heard.at(-1)?.seq ?? 0;
        for await (const { seq, body } of joined.events({ level: 'user', after })) {
          here.heard.push({ seq, text: (body as { text: string }).text });
        }
      };
      const again = (): void => {
        listen().catch(() => setTimeout(again, 100));
      };
      again();
    },
    [session.id, session.clientToken ?? '', `${app.url}/v3`] as const,
  );

const heardIn = async (page: Page, count: number): Promise<PageGlobals['heard']> => {
  await page.waitForFunction(
    (wanted) => (globalThis as unknown as PageGlobals).heard.length >= wanted,
    count,
  );
  return page.evaluate(() => (globalThis as unknown as PageGlobals).heard);
};

test('a page follows its session over a killed server, and steers it', async () => {
  const oc = new OpenComputer({ apiKey, baseUrl: `${app.url}/v3` });
  const agent = await oc.agents.create({
    name: 'paged',
    model: 'anthropic/claude-opus-4-8',
    prompt: 'Do it.',
    credential: 'managed',
  });
  const session = await oc.sessions.create({ agent: agent.id, input: 'one' });
  const page = await browser.newPage();
  await page.goto(`http://${friendlyHost}:${pages.port}/`);
  await page.addScriptTag({ content: await pageScript() });
  await followIn(page, session);
  await heardIn(page, 1);

  app.kill('SIGKILL');
  await app.ended;
  app = await startServer();
  await session.steer('two');
  await heardIn(page, 2);
  const steered = await page.evaluate(() =>
    (globalThis as unknown as { joined: Session }).joined.steer('three'),
  );
  const heard = await heardIn(page, 3);
  expect(heard.map(({ text }) => text)).toEqual(['one', 'two', 'three']);
  expect(heard.at(-1)?.seq).toBe(steered.seq);

  const refused = await page.evaluate(
    async ([url, token]) => {
      const headers = { authorization: `Bearer ${token}` };
      const paths = ['', '/destinations', '/turns', '/deliveries'];
      const asked = paths.map((path) => fetch(`${url}${path}`, { headers }));
      return (await Promise.all(asked)).map(({ status }) => status);
    },
    [`${app.url}/v3/sessions/${session.id}`, session.clientToken ?? ''] as const,
  );
  expect(refused).toEqual([403, 403, 403, 403]);
});
