// Whom the dashboard trusts: nobody's text, and of those who look at it only who has a key or a token.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppProcess, startApp } from '@tidemark/infra';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBrowser } from './browser.ts';
import { Harness, text, visit } from './dashboard.ts';

const adminKey = randomUUID();
const key = randomUUID();

let browser: Browser;
let app: AppProcess;
let harness: Harness;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-trust-'));
  const env = { TIDEMARK_DATA_DIR: join(folder, 'data'), TIDEMARK_ADMIN_KEY: adminKey };
  [browser, app] = await Promise.all([
    startBrowser(),
    startApp({ app: 'server', index: 0, folder, env }),
  ]);
  await new Harness(app, adminKey).ask('POST', '/v1/admin/tenants', { id: 'one', apiKey: key });
  harness = new Harness(app, key);
});

afterAll(async () => {
  await browser?.close();
  await app?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const at = (hash: string): string => `${app.url}/#${hash}`;

test('a key is asked for, kept for the tab, and forgotten', async () => {
  await harness.send('secret', { type: 'user.message', content: text('for whoever has the key') });
  await using visited = await visit(browser, at('/sessions/secret'));
  const { page, context, mishaps } = visited;
  await page.getByLabel('API key').fill('not it');
  await page.keyboard.press('Enter');
  await page.getByText('does not know this key').waitFor();
  await page.getByLabel('API key').fill(key);
  await page.keyboard.press('Enter');
  await page.getByText('for whoever has the key').waitFor();
  await page.locator('.live-open').waitFor();
  await harness.send('secret', { type: 'agent.message', content: text('told live') });
  await page.getByText('told live').waitFor();
  await page.reload();
  await page.getByText('told live').waitFor();
  const other = await context.newPage();
  await other.goto(at('/sessions/secret'));
  await other.getByLabel('API key').waitFor();
  await page.getByRole('button', { name: 'Forget the key' }).click();
  await page.getByLabel('API key').waitFor();
  expect(mishaps).toEqual([]);
});

test('a shared link shows one session to a stranger, live, until it is revoked', async () => {
  await harness.send('shared', { type: 'user.message', content: text('look at this') });
  await using owner = await visit(browser, at('/sessions/shared'));
  await owner.page.getByLabel('API key').fill(key);
  await owner.page.keyboard.press('Enter');
  await owner.page.getByRole('button', { name: 'Share' }).click();
  await owner.page.getByRole('button', { name: 'Make a link' }).click();
  const link = await owner.page.getByLabel('It is shown once').inputValue();
  expect(link.startsWith(`${app.url}/#/shared/shared?token=`)).toBe(true);

  await using stranger = await visit(browser, link);
  const { page } = stranger;
  await page.getByText('look at this').waitFor();
  expect(page.url()).not.toContain('token');
  await page.locator('.live-open').waitFor();
  await harness.send('shared', { type: 'agent.message', content: text('and at this') });
  await page.getByText('and at this').waitFor();
  for (const word of ['Pause', 'Archive', 'Share', 'Send']) {
    expect(await page.getByRole('button', { name: word }).count()).toBe(0);
  }
  await page.reload();
  await page.getByText('and at this').waitFor();
  await page.locator('.live-open').waitFor();

  await owner.page.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('heading', { name: 'This link is not good any more' }).waitFor();
  expect(await page.getByText('look at this').count()).toBe(0);
  await page.reload();
  await page.getByRole('heading', { name: 'This link is not good any more' }).waitFor();
  expect([...owner.mishaps, ...stranger.mishaps]).toEqual([]);
});

test('a link to a part of a session, without contents, shows that and no more', async () => {
  const name = 'in-part';
  for (let seq = 0; seq < 6; seq += 2) {
    await harness.send(
      name,
      { type: 'agent.tool_use', id: `call-${seq}`, name: 'bash', input: { command: `cat ${seq}` } },
      { type: 'agent.tool_result', tool_use_id: `call-${seq}`, content: text(`answer ${seq}`) },
    );
  }
  await using owner = await visit(browser, at(`/sessions/${name}`));
  await owner.page.getByLabel('API key').fill(key);
  await owner.page.keyboard.press('Enter');
  await owner.page.getByText('answer 4').waitFor();
  await owner.page.getByRole('button', { name: 'Share' }).click();
  const linkOf = async (last: string): Promise<string> => {
    await owner.page.getByLabel('Only events').fill('2');
    await owner.page.getByLabel('to', { exact: true }).fill(last);
    const field = owner.page.getByLabel('It is shown once');
    const before = (await field.count()) === 0 ? '' : await field.inputValue();
    await owner.page.getByRole('button', { name: 'Make a link' }).click();
    await owner.page.waitForFunction((was) => {
      const value = document.querySelector<HTMLInputElement>('#share-link')?.value ?? '';
      return value !== '' && value !== was;
    }, before);
    return field.inputValue();
  };
  const inPart = await linkOf('3');
  await owner.page.getByText('read, events 2 to 3', { exact: true }).waitFor();
  await owner.page.getByLabel('Without contents').check();
  const bare = await linkOf('');
  await owner.page.getByText('read, events from 2 on, without contents').waitFor();

  await using stranger = await visit(browser, inPart);
  await stranger.page.getByText('answer 2').waitFor();
  await stranger.page.getByText('events 2 to 3').first().waitFor();
  expect(await stranger.page.locator('.row-tool').count()).toBe(1);
  const slider = stranger.page.getByRole('slider');
  expect([await slider.getAttribute('min'), await slider.getAttribute('max')]).toEqual(['2', '3']);
  await stranger.page.keyboard.press('g');
  await stranger.page.locator('.is-selected[data-seq="2"]').waitFor();
  expect(await stranger.page.getByRole('tab').allTextContents()).toEqual([
    'Session',
    'Event',
    'Tools',
  ]);
  expect(await stranger.page.getByLabel('Find in this session').count()).toBe(0);

  await using other = await visit(browser, bare);
  await other.page.locator('.row-tool').nth(1).waitFor();
  await other.page.locator('.live-open').waitFor();
  await harness.send(name, { type: 'agent.message', content: text('said later') });
  await other.page.locator('[data-seq="6"]').getByText('[not shared]').waitFor();
  const shown = (await other.page.locator('main').textContent()) ?? '';
  for (const secret of ['answer', 'cat', 'said later']) expect(shown).not.toContain(secret);
  expect(await stranger.page.locator('[data-seq="6"]').count()).toBe(0);
  for (const { page } of [stranger, other]) {
    expect(await page.locator('[role=alert]').count()).toBe(0);
  }
  expect([...owner.mishaps, ...stranger.mishaps, ...other.mishaps]).toEqual([]);
});

const hostile = [
  '<img src=x onerror="alert(1)"><script>alert(2)</script><svg onload=alert(3)>',
  '<a href="javascript:alert(4)">press</a><iframe srcdoc="<script>alert(5)</script>"></iframe>',
  '"><style>*{display:none}</style><link rel=stylesheet href="http://evil.test/x.css">',
  '![x](http://evil.test/pixel.png) [press](javascript:alert(6))',
  '${alert(7)} {{constructor.constructor("alert(8)")()}} </pre></bdi></template>',
  '\u202egnp.exe\u202c \u2066hidden\u2069 a\u0000b \u001b[31mred \u200b|',
];

test('what others wrote is text, wherever it stands', async () => {
  const name = `hostile <img src=x onerror=alert(9)>`;
  const word = `zyx ${hostile.join(' ')}`;
  const agent = { id: hostile[0], version: 1 };
  await harness.ask('PUT', `/v1/sessions/${encodeURIComponent(name)}`, {
    agent,
    title: Array.from(word)
      .filter((char) => char >= ' ')
      .join(''),
    environment_id: 'e',
    metadata: { '<img src=x onerror=alert(10)>': hostile[2] },
  });
  await harness.ask('PUT', `/v1/sessions/${encodeURIComponent(name)}/facts/note`, { say: word });
  const content = text(word);
  await harness.send(
    name,
    { type: 'user.message', content },
    { type: 'agent.message', content },
    { type: 'agent.thinking', content },
    { type: 'agent.tool_use', id: 'use', name: word, input: { command: word } },
    { type: 'agent.tool_result', tool_use_id: 'use', content, is_error: true },
    {
      type: 'agent.tool_use',
      name: 'edit',
      input: { file_path: word, old_string: word, new_string: `${word}\n${word}` },
    },
    { type: 'session.error', error: { type: word, message: word } },
    { type: '<b>own</b>', [hostile[0] as string]: word, __proto__: { a: 1 } },
    { type: 'session.status_idle', stop_reason: { type: word, event_ids: ['use', word] } },
  );
  await using visited = await visit(browser, at('/'));
  const { page, mishaps } = visited;
  await page.getByLabel('API key').fill(key);
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: 'Failed' }).getByText('zyx').first().waitFor();
  await page.getByRole('link', { name: 'Sessions' }).click();
  await page.locator('.table-row').getByText('zyx').first().waitFor();
  await page.getByRole('searchbox').fill('zyx');
  await page.keyboard.press('Enter');
  await page.locator('.hit').first().click();
  await page.locator('.entry').first().waitFor();
  await page.getByText('U+202E').first().waitFor();
  await page.getByText('NUL').first().waitFor();
  const closed = page.locator('.tool-head[aria-expanded=false]');
  for (let left = await closed.count(); left > 0; left -= 1) await closed.first().click();
  for (const tab of ['Session', 'Event', 'Tools', 'Threads', 'Facts', 'Audit']) {
    await page.getByRole('tab', { name: tab }).click();
    await page.getByRole('tabpanel').locator('*').first().waitFor();
  }
  // What is ours is all that there is of elements that could do anything.
  const strange = await page.evaluate(() =>
    [...document.querySelectorAll('iframe, object, embed, base, svg, style, #app script')].map(
      (element) => element.outerHTML,
    ),
  );
  expect(strange.filter((markup) => !markup.startsWith('<svg xmlns'))).toEqual([]);
  expect(await page.locator('#app img').count()).toBe(1);
  const links = await page
    .locator('a')
    .evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  expect(links.filter((href) => href !== null && !href.startsWith('#'))).toEqual([]);
  expect(mishaps).toEqual([]);
});

test('a text of megabytes is cut, and the page stays alive', async () => {
  const long = 'a long line of what a tool has said \n'.repeat(100_000);
  await harness.send(
    'heavy',
    { type: 'agent.message', content: text(long) },
    {
      type: 'agent.tool_use',
      id: 'use-1',
      name: 'bash',
      input: { command: long.slice(0, 1_000_000) },
    },
    { type: 'agent.tool_result', tool_use_id: 'use-1', content: text(long.slice(0, 1_000_000)) },
  );
  await harness.send('heavy', { type: 'user.message', content: text('x'.repeat(4_000_000)) });
  await using visited = await visit(browser, at('/sessions/heavy'));
  const { page, mishaps } = visited;
  await page.getByLabel('API key').fill(key);
  await page.keyboard.press('Enter');
  await page.locator('.by-user').getByRole('button', { name: 'show more' }).waitFor();
  const charsShown = (): Promise<number> =>
    page.evaluate(() => document.body.textContent?.length ?? 0);
  expect(await charsShown()).toBeLessThan(100_000);
  await page.locator('.by-user').getByRole('button', { name: 'show more' }).click();
  await page.waitForFunction(
    () => (document.querySelector('.by-user')?.textContent ?? '').length > 60_000,
  );
  expect(await charsShown()).toBeLessThan(400_000);
  expect(mishaps).toEqual([]);
});
