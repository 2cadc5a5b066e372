// npm run screenshots [folder]: every page of the dashboard as it looks, by day and by night.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { argv, stdout } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { runDemo, startApp } from '@tidemark/infra';
import type { Browser, Page } from 'playwright-core';
import { startBrowser } from './browser.ts';
import { Harness, type Told, text, visit } from './dashboard.ts';

interface Shot {
  readonly name: string;
  /** Looked up when it is visited, where it does not stay as it is. */
  readonly hash: string | (() => Promise<string>);
  readonly size?: { readonly width: number; readonly height: number };
  readonly before?: (page: Page) => Promise<unknown>;
}

/** So long the invented agents work, at several times their speed, before they are looked at. */
const demoMs = 30_000;
const demoSpeed = 3;

const target = resolve(argv[2] ?? '.tidemark/screenshots');
await mkdir(target, { recursive: true });
const folder = await mkdtemp(join(tmpdir(), 'tidemark-screenshots-'));
const env = { TIDEMARK_DATA_DIR: join(folder, 'data') };
await using app = await startApp({ app: 'server', index: 0, folder, env });
const harness = new Harness(app);
await using browser = await startBrowser();

await shoot(browser, [{ name: 'empty', hash: '/' }]);
const ending = new AbortController();
const demo = runDemo({ url: app.url, speed: demoSpeed, signal: ending.signal });
async function shootAll(): Promise<void> {
  await writeHostile();
  await writeAsking();
  await writeDelegating();
  await writeLong();
  stdout.write(`the demo runs for ${demoMs / 1_000} s\n`);
  await delay(demoMs);
  await shoot(browser, await shots());
}
try {
  await Promise.race([shootAll(), demo]);
} finally {
  ending.abort();
}
await demo;
await rm(folder, { recursive: true, force: true });

async function sessionThat(isIt: (session: Told) => boolean): Promise<string> {
  const { data } = await harness.ask('GET', '/v1/sessions?limit=500');
  const found = (data as readonly Told[]).find(isIt);
  return `/sessions/${String(found?.['id'])}`;
}

function isRunning(session: Told): boolean {
  return session['status'] === 'running' && Number(session['event_count']) > 8;
}

function isFailed({ title, error }: Told): boolean {
  return error !== null && title !== null;
}

function isLong({ title, turns }: Told): boolean {
  return Number(turns) > 1 && String(title).startsWith('Retry');
}

async function shots(): Promise<readonly Shot[]> {
  const [done, failed] = [await sessionThat(isLong), await sessionThat(isFailed)];
  return [
    { name: 'fleet', hash: '/' },
    { name: 'fleet-narrow', hash: '/', size: { width: 760, height: 900 } },
    { name: 'sessions', hash: '/sessions' },
    { name: 'sessions-changed', hash: '/sessions?by=changed' },
    { name: 'sessions-narrow', hash: '/sessions', size: { width: 760, height: 900 } },
    { name: 'sessions-search', hash: '/sessions?q=idempotency+key', before: awaitHit },
    { name: 'session', hash: done },
    { name: 'session-event', hash: `${done}?event=14` },
    { name: 'session-find', hash: `${done}?event=0&find=processor` },
    { name: 'session-tools', hash: done, before: openTab('Tools') },
    { name: 'session-running', hash: () => sessionThat(isRunning) },
    { name: 'session-waiting', hash: '/sessions/asking' },
    { name: 'session-threads', hash: '/sessions/delegating', before: openTab('Threads') },
    { name: 'session-facts', hash: '/sessions/delegating?event=16', before: openTab('Facts') },
    { name: 'session-failed', hash: failed },
    { name: 'session-share', hash: done, before: share },
    { name: 'session-keys', hash: done, before: (page) => page.keyboard.press('?') },
    { name: 'session-long', hash: '/sessions/long?event=12000' },
    { name: 'session-zoomed', hash: '/sessions/long?event=12000', before: zoom },
    { name: 'session-hostile', hash: '/sessions/hostile?event=0' },
    { name: 'session-narrow', hash: done, size: { width: 760, height: 900 } },
  ];
}

async function awaitHit(page: Page): Promise<void> {
  await page.locator('.hit').first().waitFor();
}

function openTab(name: string): (page: Page) => Promise<void> {
  return (page) => page.getByRole('tab', { name }).click();
}

async function share(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Share' }).click();
  await page.getByRole('button', { name: 'Make a link' }).click();
  await page.getByLabel('It is shown once').waitFor();
}

async function zoom(page: Page): Promise<void> {
  for (let times = 0; times < 7; times += 1) await page.keyboard.press('+');
}

async function shoot(within: Browser, list: readonly Shot[]): Promise<void> {
  for (const { name, hash, size, before } of list) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const viewport = size ?? { width: 1440, height: 900 };
      const path = typeof hash === 'string' ? hash : await hash();
      await using visited = await visit(within, `${app.url}/#${path}`, { colorScheme, viewport });
      const { page, mishaps } = visited;
      await page.locator('main').waitFor();
      // Until there is something to plot, and what is live has come.
      await delay(path === '/' ? 5_000 : 1_200);
      await before?.(page);
      await delay(300);
      const file = join(target, `${name}-${colorScheme}.png`);
      await page.screenshot({ path: file });
      stdout.write(`${file}${mishaps.length === 0 ? '' : `: ${mishaps.join('; ')}`}\n`);
    }
  }
}

async function writeHostile(): Promise<void> {
  const markup = '<img src=x onerror="alert(1)"><script>alert(2)</script>';
  const turned = 'open \u202egnp.exe\u202c, \u2066hidden\u2069, a\u0000b, \u001b[31mred';
  await harness.send(
    'hostile',
    { type: 'user.message', content: text(markup) },
    { type: 'agent.message', content: text(turned) },
    { type: 'agent.tool_use', id: 'use', name: markup, input: { command: turned } },
    { type: 'agent.tool_result', tool_use_id: 'use', content: text(markup), is_error: true },
    { type: 'harness.own', note: markup },
    { type: 'user.message', content: text('x'.repeat(1_000_000)) },
  );
}

async function writeAsking(): Promise<void> {
  const command = 'git push --force-with-lease origin release/2026-11';
  await harness.ask('PUT', '/v1/sessions/asking', { title: 'Rewrite the release branch' });
  await harness.send(
    'asking',
    { type: 'user.message', content: text('Drop the two broken commits from the release branch.') },
    { type: 'session.status_running' },
    {
      type: 'agent.tool_use',
      id: 'look',
      name: 'bash',
      input: { command: 'git log --oneline -4' },
    },
    {
      type: 'agent.tool_result',
      tool_use_id: 'look',
      content: text('c41f9aa fix the fix\n9be2210 fix\n77d03e1 release 2026.11\n0a1b9fe notes'),
    },
    {
      type: 'agent.message',
      content: text(
        'Both commits are dropped in my copy. Pushing rewrites what others may have pulled.',
      ),
    },
    { type: 'agent.tool_use', id: 'push', name: 'bash', input: { command } },
    {
      type: 'session.status_idle',
      stop_reason: { type: 'requires_action', event_ids: ['push'] },
    },
  );
}

/** Three helpers at work, each in a thread of its own. */
async function writeDelegating(): Promise<void> {
  const name = 'delegating';
  await harness.ask('PUT', `/v1/sessions/${name}`, { title: 'Audit the three oldest services' });
  await harness.send(
    name,
    {
      type: 'user.message',
      content: text('Audit billing, mail and search, and tell me the worst.'),
    },
    { type: 'session.status_running' },
  );
  const helpers = ['billing', 'mail', 'search'];
  const threadOf = (helper: string): string => `sthr_${helper}`;
  for (const helper of helpers) {
    const created = { session_thread_id: threadOf(helper), agent_name: `${helper} auditor` };
    await harness.send(name, { type: 'session.thread_created', ...created });
  }
  for (let step = 0; step < 24; step += 1) {
    const helper = helpers[step % 3] ?? 'mail';
    const path = `/v1/sessions/${name}/threads/${threadOf(helper)}/events`;
    const use = { type: 'agent.tool_use', name: 'grep', input: { pattern: `deprecated ${step}` } };
    await harness.ask('POST', path, { events: [use] });
    if (step % 4 === 0) {
      const said = `${helper}: ${step + 1} findings so far`;
      await harness.send(name, { type: 'agent.message', content: text(said) });
      const fact = `/v1/sessions/${name}/facts/findings.${helper}`;
      await harness.ask('PUT', fact, { count: step + 1, worst: `deprecated ${step}` });
    }
  }
  const session_thread_id = threadOf('mail');
  await harness.send(name, { type: 'session.thread_status_idle', session_thread_id });
}

async function writeLong(): Promise<void> {
  for (let start = 0; start < 20_000; start += 1_000) {
    const events = Array.from({ length: 1_000 }, (_, index) => {
      const seq = start + index;
      const isAsked = seq % 400 === 0;
      if (isAsked) return { type: 'user.message', content: text(`Look at batch ${seq / 400}.`) };
      if (seq % 400 === 1) return { type: 'agent.message', content: text('I look at each item.') };
      if (seq % 1_300 === 7) {
        return { type: 'session.error', error: { type: 'tool_error', message: 'No answer.' } };
      }
      if (seq % 2 === 0) {
        const input = { command: `process --batch ${Math.floor(seq / 400)} --item ${seq}` };
        return { type: 'agent.tool_use', id: `use-${seq}`, name: 'bash', input };
      }
      const content = text(`item ${seq} is done`);
      return { type: 'agent.tool_result', tool_use_id: `use-${seq - 1}`, content };
    });
    await harness.send('long', ...events);
  }
}
