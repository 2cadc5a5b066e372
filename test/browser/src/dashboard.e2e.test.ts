// What a person does with the dashboard, in a real browser, over a server without keys.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppProcess, startApp, startTcpProxy } from '@tidemark/infra';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostileHost, startBrowser } from './browser.ts';
import { type Event, Harness, text, visit } from './dashboard.ts';
import { startPages } from './pages.ts';

let browser: Browser;
let app: AppProcess;
let harness: Harness;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-dashboard-'));
  const env = { TIDEMARK_DATA_DIR: join(folder, 'data') };
  [browser, app] = await Promise.all([
    startBrowser(),
    startApp({ app: 'server', index: 0, folder, env }),
  ]);
  harness = new Harness(app);
});

afterAll(async () => {
  await browser?.close();
  await app?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const at = (hash: string): string => `${app.url}/#${hash}`;
const sessionAt = (name: string, query = ''): string =>
  at(`/sessions/${encodeURIComponent(name)}${query}`);
const rowsOn = (page: Page): Promise<number> => page.locator('.row-place').count();

test('an empty server shows three ways in, and a command that works as it stands', async () => {
  await using visited = await visit(browser, at('/'));
  const { page, mishaps } = visited;
  await page.getByRole('heading', { name: 'No session yet' }).waitFor();
  const commands = await page.locator('.command pre').allTextContents();
  expect(commands).toHaveLength(3);
  for (const command of commands) expect(command).toContain(app.url);
  const [, body = ''] = /-d '(.*)'/.exec(commands[0] ?? '') ?? [];
  await harness.send('hello', JSON.parse(body) as Event);
  await page.getByRole('heading', { name: 'Running' }).waitFor();
  expect(mishaps).toEqual([]);
});

test('the policy leaves a script nothing, and files are asked for again by their tag', async () => {
  const answer = await fetch(app.url);
  const policy = answer.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain('unsafe');
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  const etag = answer.headers.get('etag') ?? '';
  const again = await fetch(app.url, { headers: { 'if-none-match': etag } });
  expect(again.status).toBe(304);
});

test('the fleet moves as its sessions do', async () => {
  await using visited = await visit(browser, at('/'));
  const { page, mishaps } = visited;
  const board = (name: string) => page.getByRole('region', { name });
  await harness.send('fleet-one', { type: 'session.status_running' });
  await board('Running').getByText('fleet-one').waitFor();
  const [use] = await harness.send('fleet-one', {
    type: 'agent.tool_use',
    name: 'bash',
    input: {},
  });
  const stop_reason = { type: 'requires_action', event_ids: [use?.id] };
  await harness.send('fleet-one', { type: 'session.status_idle', stop_reason });
  await board('Waiting for a person').getByText('fleet-one').waitFor();
  await board('Running').getByText('fleet-one').waitFor({ state: 'detached' });
  await harness.send(
    'fleet-two',
    { type: 'session.status_running' },
    { type: 'session.error', error: { type: 'model_overloaded_error', message: 'full' } },
    { type: 'session.status_idle', stop_reason: { type: 'retries_exhausted' } },
  );
  await board('Failed').getByText('fleet-two').waitFor();
  await page.locator('.plot canvas').first().waitFor();
  await page.getByText('appends, p50 and p95').waitFor();
  await board('Failed').getByText('fleet-two').click();
  await page.getByRole('heading', { name: 'fleet-two' }).waitFor();
  expect(mishaps).toEqual([]);
});

describe('the list of sessions', () => {
  test('shows them, filters by the address, and counts new ones without moving a row', async () => {
    for (let index = 0; index < 30; index += 1) {
      await harness.send(`list-${index}`, { type: 'user.message', content: text('x') });
    }
    await using visited = await visit(browser, at('/sessions'));
    const { page, mishaps } = visited;
    const first = page.locator('.table-row').first();
    await first.getByText('list-29').waitFor();
    await harness.send('list-new', { type: 'session.status_running' });
    await page.getByRole('button', { name: '1 new' }).waitFor();
    expect(await first.textContent()).toContain('list-29');
    await harness.send('list-29', { type: 'session.status_running' });
    await first.getByText('running').waitFor();
    await page.getByRole('button', { name: '1 new' }).click();
    await first.getByText('list-new').waitFor();
    await page.getByLabel('Status').selectOption('running');
    await page.waitForFunction(() => location.hash.includes('status=running'));
    await page.getByText('list-28').waitFor({ state: 'detached' });
    await expect
      .poll(() => page.locator('.table-row').allTextContents())
      .toEqual(expect.arrayContaining([expect.stringContaining('list-new')]));
    await page.getByLabel('Order').selectOption('oldest first');
    await page.waitForFunction(() => location.hash.includes('order=asc'));
    expect(mishaps).toEqual([]);
  });

  test('is ordered by the last change of state, counts what has changed, and moves no row by itself', async () => {
    for (const name of ['moved-a', 'moved-b', 'moved-c']) {
      await harness.send(name, { type: 'session.status_running' });
    }
    await using visited = await visit(browser, at('/sessions'));
    const { page, mishaps } = visited;
    await page.getByLabel('Order').selectOption('last changed first');
    await page.waitForFunction(() => location.hash.includes('by=changed'));
    const row = (index: number) => page.locator('.table-row').nth(index);
    await row(0).getByText('moved-c').waitFor();
    await harness.send('moved-a', { type: 'user.message', content: text('no other state') });
    await row(2).getByText('2', { exact: true }).waitFor();
    expect(await page.locator('.pill').count()).toBe(0);
    await harness.send('moved-b', { type: 'session.status_idle', stop_reason: 'end_turn' });
    await page.getByRole('button', { name: '1 changed' }).waitFor();
    await row(1).getByText('idle').waitFor();
    expect(await row(1).textContent()).toContain('moved-b');
    await page.getByRole('button', { name: '1 changed' }).click();
    await row(0).getByText('moved-b').waitFor();
    await page.reload();
    await row(0).getByText('moved-b').waitFor();
    await row(1).getByText('moved-c').waitFor();
    expect(mishaps).toEqual([]);
  });

  test('is filtered by a part of the agent’s name, and shows what is written while one looks', async () => {
    const agents = ['Payments engineer', 'Build doctor'];
    for (const [index, named] of agents.entries()) {
      const model = 'claude-opus-4-6';
      const { id: agent } = await harness.ask('POST', '/v1/agents', { name: named, model });
      await harness.ask('PUT', `/v1/sessions/named-${index}`, { agent });
    }
    await using visited = await visit(browser, at('/sessions'));
    const { page, mishaps } = visited;
    await page.getByText('named-1').waitFor();
    await page.getByLabel('Agent').fill('ENGIN');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => location.hash.includes('agent=ENGIN'));
    await page.getByText('named-1').waitFor({ state: 'detached' });
    const row = page.locator('.table-row', { hasText: 'named-0' });
    await row.getByText('Payments engineer').waitFor();
    expect(await row.locator('.sparkline rect').count()).toBe(0);
    await harness.send('named-0', { type: 'user.message', content: text('x') });
    const now = row.getByRole('img', { name: '1 event in the last two minutes' });
    await now.locator('rect').waitFor();
    await row.getByRole('img', { name: /^1 event since .*, a bar is 5/ }).waitFor();
    await page.reload();
    // What was written before one looked is told as well.
    await row.getByRole('img', { name: /^1 event since/ }).waitFor();
    expect(await now.count()).toBe(0);
    expect(mishaps).toEqual([]);
  });

  test('loads page after page with few rows on the page', async () => {
    const names = Array.from({ length: 250 }, (_, index) => `many-${index}`);
    for (let start = 0; start < names.length; start += 25) {
      await Promise.all(
        names
          .slice(start, start + 25)
          .map((name) => harness.send(name, { type: 'user.message', content: text('x') })),
      );
    }
    await using visited = await visit(browser, at('/sessions'));
    const { page } = visited;
    await page.getByText('many-249').waitFor();
    const scroller = page.getByRole('list', { name: 'Sessions' });
    // The oldest of all stands at the end of the last page.
    for (let turn = 0; (await page.getByText('hello', { exact: true }).count()) === 0; turn += 1) {
      expect(turn).toBeLessThan(1_000);
      await scroller.evaluate((element) => element.scrollBy(0, 2_000));
      await page.waitForTimeout(50);
      expect(await rowsOn(page)).toBeLessThan(200);
    }
  });

  test('has every row of a million within reach, by the scroll bar and by small moves', async () => {
    const count = 1_000_000;
    await using visited = await visit(browser, at('/'));
    const { page, mishaps } = visited;
    // A server would have to make them first.
    await page.addInitScript((length) => {
      const ask = globalThis.fetch;
      globalThis.fetch = async (asked, init) => {
        const isList = typeof asked === 'string' && asked.startsWith('/v1/sessions?');
        if (!isList) return ask(asked, init);
        const data = Array.from({ length }, (_, index) => ({ id: `row ${index}`, event_count: 1 }));
        const answer = new Response('{}', { headers: { 'content-type': 'application/json' } });
        return Object.assign(answer, { json: async () => ({ data, next_page: null }) });
      };
    }, count);
    await page.goto(at('/sessions'));
    await page.reload();
    await page.getByText('row 0', { exact: true }).waitFor();
    const scroller = page.getByRole('list', { name: 'Sessions' });
    /** In view, by what they say and by what a screen reader is told of them. */
    const inView = (): Promise<readonly (readonly [string, number, number])[]> =>
      scroller.evaluate((element) => {
        const { top, bottom } = element.getBoundingClientRect();
        return [...element.querySelectorAll('.row-place')]
          .filter((row) => {
            const place = row.getBoundingClientRect();
            return place.top < bottom && place.bottom > top;
          })
          .map((row) => {
            const told = row.querySelector('.cell-title')?.textContent ?? '';
            const size = Number(row.getAttribute('aria-setsize'));
            return [told, Number(row.getAttribute('aria-posinset')), size] as const;
          });
      });
    const expectRows = async (holds: (first: number, last: number) => boolean): Promise<void> => {
      await expect
        .poll(async () => {
          const rows = await inView();
          const indexes = rows.map(([told]) => Number(told.replace(/\D/g, '')));
          const [first = -1] = indexes;
          // One behind the other, without a gap, each told where it is among all.
          expect(indexes).toEqual(indexes.map((_, place) => first + place));
          expect(rows.map(([, place]) => place)).toEqual(indexes.map((index) => index + 1));
          expect(rows.every(([, , size]) => size === count)).toBe(true);
          return indexes.length > 10 && holds(first, indexes.at(-1) ?? -1);
        })
        .toBe(true);
    };
    await expectRows((first) => first === 0);
    await scroller.focus();
    await page.keyboard.press('End');
    await expectRows((_, last) => last === count - 1);
    await page.keyboard.press('PageUp');
    await expectRows((_, last) => last < count - 10 && last > count - 60);
    await scroller.evaluate((element) => {
      element.scrollTop = element.scrollHeight / 2;
    });
    await expectRows((first) => Math.abs(first - count / 2) < count / 1_000);
    await page.waitForTimeout(300);
    const from = (await inView())[0]?.[1] ?? 0;
    await scroller.hover();
    for (let turn = 1; turn <= 5; turn += 1) {
      await page.mouse.wheel(0, 360);
      await expectRows((first) => first + 1 === from + 10 * turn);
    }
    await scroller.focus();
    await page.keyboard.press('ArrowUp');
    await expectRows((first) => first + 1 >= from + 48 && first + 1 < from + 50);
    expect(await rowsOn(page)).toBeLessThan(60);
    await page.keyboard.press('Home');
    await expectRows((first) => first === 0);
    expect(mishaps).toEqual([]);
  });

  test('search finds an event and leads to it', async () => {
    const events = Array.from({ length: 300 }, (_, index) => ({
      type: 'agent.message',
      content: text(index === 120 ? 'the quixotic <b>zebra</b> of event 120' : `plain ${index}`),
    }));
    await harness.send('found', ...events);
    await using visited = await visit(browser, at('/sessions'));
    const { page, mishaps } = visited;
    await page.getByRole('searchbox').fill('quixotic zebra');
    await page.keyboard.press('Enter');
    const hit = page.locator('.hit');
    await hit.waitFor();
    expect(await hit.locator('mark').allTextContents()).toContain('quixotic');
    expect(await hit.locator('b').count()).toBe(0);
    await hit.click();
    const row = page.locator('.entry.is-selected');
    await row.getByText('of event 120').waitFor();
    expect(await row.getAttribute('data-seq')).toBe('120');
    expect(await row.locator('mark').count()).toBeGreaterThan(0);
    expect(mishaps).toEqual([]);
  });
});

/** A session of 50,000 events: questions, calls and results. */
async function writeLong(name: string): Promise<void> {
  const eventOf = (seq: number): Event => {
    if (seq % 50 === 0) return { type: 'user.message', content: text(`question ${seq}`) };
    if (seq % 2 === 0) {
      return {
        type: 'agent.tool_use',
        id: `use-${seq}`,
        name: 'bash',
        input: { command: `n${seq}` },
      };
    }
    if (seq % 50 === 1) return { type: 'session.status_running' };
    const content = text(`line of ${seq}\n`.repeat(1 + (seq % 6)));
    return { type: 'agent.tool_result', tool_use_id: `use-${seq - 1}`, content };
  };
  for (let start = 0; start < 50_000; start += 1_000) {
    const events = Array.from({ length: 1_000 }, (_, index) => eventOf(start + index));
    await harness.send(name, ...events);
  }
}

describe('a session of 50,000 events', () => {
  const name = 'long/one';
  beforeAll(() => writeLong(name));

  test('opens at its end with few rows, follows, and counts what comes while one reads above', async () => {
    await using visited = await visit(browser, sessionAt(name));
    const { page, mishaps } = visited;
    await page.locator('[data-seq="49998"]').waitFor();
    expect(await rowsOn(page)).toBeLessThan(500);
    await harness.send(name, { type: 'agent.message', content: text('written just now') });
    await page.getByText('written just now').waitFor();
    await page.locator('.entry').first().hover();
    // Until the place is left: a browser that is busy takes a wheel late.
    for (let turn = 0; (await page.locator('.at-end').count()) === 0; turn += 1) {
      expect(turn).toBeLessThan(1_000);
      await page.mouse.wheel(0, -700);
      await page.waitForTimeout(50);
    }
    const seqs = (): Promise<number[]> =>
      page
        .locator('.entry')
        .evaluateAll((entries) =>
          entries.map((entry) => Number((entry as HTMLElement).dataset['seq'])),
        );
    // Older pages come, and what is read stays where it is.
    for (let turn = 0; Math.min(...(await seqs())) > 49_000; turn += 1) {
      expect(turn).toBeLessThan(2_000);
      await page.mouse.wheel(0, -1_500);
      await page.waitForTimeout(30);
      expect(await rowsOn(page)).toBeLessThan(500);
    }
    await harness.send(name, { type: 'agent.message', content: text('said meanwhile') });
    await page.getByRole('button', { name: '1 new' }).waitFor();
    expect(await page.getByText('said meanwhile').count()).toBe(0);
    await page.getByRole('button', { name: '1 new' }).click();
    await page.getByText('said meanwhile').waitFor();
    expect(mishaps).toEqual([]);
  });

  test('is left for any place by the slider, by the line and by what is found', async () => {
    await using visited = await visit(browser, sessionAt(name));
    const { page, mishaps } = visited;
    await page.locator('[data-seq="49998"]').waitFor();
    await page.getByRole('slider').fill('20000');
    await page.locator('.is-selected[data-seq="20000"]').waitFor();
    expect(await rowsOn(page)).toBeLessThan(500);
    const line = page.locator('.minimap');
    const { width = 0 } = (await line.boundingBox()) ?? {};
    await line.click({ position: { x: width / 10, y: 10 } });
    await page.waitForFunction(() => {
      const seq = Number(document.querySelector<HTMLElement>('.is-selected')?.dataset['seq']);
      return seq > 4_500 && seq < 5_500;
    });
    await page.getByLabel('Find in this session').fill('question 30000');
    await page.keyboard.press('Enter');
    await page.locator('.is-selected[data-seq="30000"]').waitFor();
    expect(await page.locator('.find-count').textContent()).toBe('1 of 1');
    await page.getByRole('button', { name: 'Jump to live' }).click();
    await page.locator('[data-seq="49998"]').waitFor();
    expect(mishaps).toEqual([]);
  });

  test('stays where one went, whatever is loaded around it', async () => {
    await using visited = await visit(browser, sessionAt(name));
    const { page, mishaps } = visited;
    await page.locator('[data-seq="49998"]').waitFor();
    const slider = page.getByRole('slider');
    for (const place of ['20000', '40000', '10000', '30000']) {
      await slider.fill(place);
      const there = page.locator(`.is-selected[data-seq="${place}"]`);
      await there.waitFor();
      await page.waitForTimeout(500);
      expect([await slider.inputValue(), await there.isVisible()]).toEqual([place, true]);
    }
    expect(mishaps).toEqual([]);
  });

  test('is looked at closely on its line: by wheel, keys, buttons and the bar', async () => {
    await using visited = await visit(browser, sessionAt(name));
    const { page, mishaps } = visited;
    await page.locator('[data-seq="49998"]').waitFor();
    await page.getByRole('slider').fill('20000');
    await page.locator('.is-selected[data-seq="20000"]').waitFor();
    const line = page.locator('.minimap');
    const bar = page.getByRole('scrollbar');
    const out = page.getByRole('button', { name: 'Zoom out' });
    const shown = async (): Promise<readonly number[]> =>
      ((await bar.getAttribute('aria-valuetext')) ?? '')
        .split(' to ')
        .map((seq) => Number(seq.replaceAll(',', '')));
    expect([await bar.count(), await out.isDisabled()]).toEqual([0, true]);
    // By keys, around where one is, as close as it gets.
    for (let times = 0; times < 12; times += 1) await page.keyboard.press('+');
    const zoomIn = page.getByRole('button', { name: 'Zoom in' });
    await expect.poll(() => zoomIn.isDisabled()).toBe(true);
    const [from = 0, last = 0] = await shown();
    expect(last - from).toBe(15);
    expect([from <= 20_000, last >= 20_000]).toEqual([true, true]);
    expect(await page.locator('.map-words').textContent()).toBe(
      `${from.toLocaleString('en')} to ${last.toLocaleString('en')}`,
    );
    // A click leads to the very event.
    const { width = 0, x = 0, y = 0 } = (await line.boundingBox()) ?? {};
    await line.click({ position: { x: (width / 16) * 3.5, y: 10 } });
    await expect.poll(() => page.getByRole('slider').inputValue()).toBe(String(from + 3));
    expect(await shown()).toEqual([from, last]);
    // The bar, by keys and by pointer.
    await bar.press('PageDown');
    await expect.poll(shown).toEqual([from + 16, last + 16]);
    await bar.press('ArrowLeft');
    await expect.poll(shown).toEqual([from + 14, last + 14]);
    await bar.press('Home');
    await expect.poll(shown).toEqual([0, 15]);
    const place = (await bar.boundingBox()) ?? { x: 0, y: 0, height: 0 };
    await page.mouse.click(place.x + width / 2, place.y + place.height / 2);
    await expect.poll(async () => Math.round((await shown())[0] ?? 0) / 25_000).toBeCloseTo(1, 1);
    // Who goes elsewhere takes the line along.
    await page.getByRole('slider').fill('40000');
    await page.locator('.is-selected[data-seq="40000"]').waitFor();
    await expect.poll(async () => Math.abs(((await shown())[0] ?? 0) - 40_000) < 50).toBe(true);
    await page.keyboard.press('0');
    await bar.waitFor({ state: 'detached' });
    // By the wheel, where the pointer is; without Ctrl it does not zoom, and the page itself never does.
    await page.mouse.move(x + width / 4, y + 10);
    await page.mouse.wheel(0, -100);
    expect(await bar.count()).toBe(0);
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -100);
    await page.keyboard.up('Control');
    await bar.waitFor();
    const [begin = 0, end = 0] = await shown();
    expect(end - begin).toBeCloseTo(25_000, -1);
    expect(begin + (end - begin) / 4).toBeCloseTo(12_500, -3);
    expect(await page.evaluate(() => devicePixelRatio)).toBe(1);
    await page.keyboard.down('Shift');
    await page.mouse.wheel(0, 200);
    await page.keyboard.up('Shift');
    await expect.poll(async () => (await shown())[0]).toBeGreaterThan(begin);
    await out.click();
    await bar.waitFor({ state: 'detached' });
    expect(mishaps).toEqual([]);
  });

  test('is told from an event on by a link with its seq, or with its id', async () => {
    for (const event of ['31000', 'use-31002']) {
      await using visited = await visit(browser, sessionAt(name, `?event=${event}`));
      const { page } = visited;
      const seq = event === '31000' ? '31000' : '31002';
      await page.locator(`.is-selected[data-seq="${seq}"]`).waitFor();
      await page
        .getByRole('tab', { name: 'Event' })
        .and(page.locator('[aria-selected=true]'))
        .waitFor();
      expect(await rowsOn(page)).toBeLessThan(500);
    }
  });
});

test('a session is played from its beginning, and tells how it stood on the way', async () => {
  const name = 'played';
  const turn = (n: number): Event[] => [
    { type: 'user.message', content: text(`question ${n}`) },
    { type: 'session.status_running' },
    { type: 'span.model_request_end', model_usage: { input_tokens: 600, output_tokens: 400 } },
    { type: 'agent.message', content: text(`answer ${n}`) },
    { type: 'session.status_idle', stop_reason: { type: 'end_turn' } },
  ];
  for (let n = 0; n < 40; n += 1) await harness.send(name, ...turn(n));
  await using visited = await visit(browser, sessionAt(name));
  const { page, mishaps } = visited;
  await page.getByText('answer 39').waitFor();
  await page.locator('.standing').getByText('idle · 40 turns · 40k tokens').waitFor();
  await page.getByRole('slider').fill('2');
  await page.locator('.standing').getByText('running · 1 turn · 1.0k tokens').waitFor();
  await page.getByLabel('Speed').selectOption('64');
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await page.getByRole('button', { name: 'Stop playing' }).click();
  const at = await page.locator('.is-selected').getAttribute('data-seq');
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await page.waitForFunction(
    (before) =>
      Number(document.querySelector<HTMLElement>('.is-selected')?.dataset['seq']) > before,
    Number(at) + 5,
  );
  // At its end one is live.
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  await harness.send(name, { type: 'agent.message', content: text('and one more') });
  await page.getByText('and one more').waitFor();
  expect(mishaps).toEqual([]);
});

test('facts are told as they stood where one is, and as they are while one follows', async () => {
  const fact = '/v1/sessions/remembering/facts/plan';
  const messages = (count: number): Event[] =>
    Array.from({ length: count }, () => ({ type: 'user.message', content: text('go on') }));
  await harness.send('remembering', ...messages(2));
  await harness.ask('PUT', fact, 'look around');
  await harness.send('remembering', ...messages(2));
  await harness.ask('PUT', fact, 'tidy up');
  await harness.ask('PUT', '/v1/sessions/remembering/facts/secret', 'xyzzy');
  await harness.send('remembering', ...messages(2));
  await harness.ask('DELETE', '/v1/sessions/remembering/facts/secret');
  await using visited = await visit(browser, sessionAt('remembering'));
  const { page, mishaps } = visited;
  await page.getByRole('tab', { name: 'Facts' }).click();
  const panel = page.getByRole('tabpanel');
  await panel.getByText('tidy up').waitFor();
  expect(await panel.textContent()).not.toContain('As they stood');
  await page.getByRole('slider').fill('3');
  await panel.getByText('As they stood at event 3.').waitFor();
  await panel.getByText('look around').waitFor();
  expect(await panel.textContent()).not.toMatch(/tidy up|secret/);
  await page.getByRole('slider').fill('4');
  await panel.getByText('Deleted since, and its value with it.').waitFor();
  await page.getByRole('slider').fill('1');
  await panel.getByText('No fact is kept.').waitFor();
  await page.keyboard.press('Shift+G');
  await panel.getByText('tidy up').waitFor();
  expect(mishaps).toEqual([]);
});

test('a thread has a lane, and a page of its own events', async () => {
  const name = 'delegating';
  const thread = 'sthr_explorer';
  await harness.send(
    name,
    { type: 'user.message', content: text('delegate') },
    { type: 'session.thread_created', session_thread_id: thread, agent_name: 'explorer' },
  );
  await harness.ask('POST', `/v1/sessions/${name}/threads/${thread}/events`, {
    events: [
      { type: 'agent.message', content: text('said in the thread') },
      { type: 'agent.tool_use', name: 'bash', input: { command: 'ls' } },
    ],
  });
  await using visited = await visit(browser, sessionAt(name));
  const { page, mishaps } = visited;
  await page.getByText('delegate', { exact: true }).waitFor();
  await page.waitForFunction(
    () => (document.querySelector<HTMLElement>('.minimap')?.clientHeight ?? 0) > 30,
  );
  await page.locator('.row-tool').getByText('in a thread').waitFor();
  await page.getByRole('tab', { name: 'Threads' }).click();
  await page.getByRole('link', { name: 'Open' }).click();
  await page.getByText('said in the thread').waitFor();
  expect(mishaps).toEqual([]);
});

test('a transcript pairs calls with results, shows edits line by line, and streams what is written', async () => {
  const name = 'story';
  await harness.send(
    name,
    { type: 'user.message', content: text('rename it') },
    { type: 'session.status_running' },
    { type: 'span.model_request_start', id: 'request-1' },
    {
      type: 'agent.tool_use',
      id: 'edit-1',
      name: 'edit',
      input: { file_path: 'a.ts', old_string: 'one\ntwo', new_string: 'one\nthree' },
    },
    { type: 'agent.tool_result', tool_use_id: 'edit-1', content: text('fine') },
    { type: 'agent.tool_use', id: 'bash-1', name: 'bash', input: { command: 'npm test' } },
    { type: 'agent.tool_result', tool_use_id: 'bash-1', content: text('1 failed'), is_error: true },
  );
  await using visited = await visit(browser, sessionAt(name));
  const { page, mishaps } = visited;
  await page.locator('.diff-old').getByText('two').waitFor();
  expect(await page.locator('.diff-new').textContent()).toContain('three');
  await page.locator('.row-tool.is-failed').getByText('failed', { exact: true }).waitFor();
  await page.getByRole('tab', { name: 'Tools' }).click();
  expect(await page.locator('table.tools tbody tr').count()).toBe(2);
  await harness.send(name, { type: 'event_start', event: { id: 'm-1', type: 'agent.message' } });
  const delta = (piece: string): Event => ({
    type: 'event_delta',
    event_id: 'm-1',
    delta: { type: 'content_delta', index: 0, content: { type: 'text', text: piece } },
  });
  // Nobody says when the page has begun to listen: the first words are said until they are heard.
  for (let turn = 0; (await page.locator('.is-preview').count()) === 0; turn += 1) {
    expect(turn).toBeLessThan(600);
    await harness.send(name, { type: 'event_start', event: { id: 'm-1', type: 'agent.message' } });
    await page.waitForTimeout(100);
  }
  await harness.send(name, delta('half a '));
  await page.locator('.is-preview').getByText('half a').waitFor();
  await harness.send(name, { type: 'agent.message', id: 'm-1', content: text('half a word more') });
  await page.locator('.by-agent').getByText('half a word more').waitFor();
  await page.locator('.is-preview').waitFor({ state: 'detached' });
  expect(mishaps).toEqual([]);
});

test('a person writes, answers, interrupts, pauses, resumes and archives', async () => {
  const name = 'steered';
  await harness.send(
    name,
    { type: 'session.status_running' },
    { type: 'agent.tool_use', id: 'ask-1', name: 'bash', input: { command: 'rm -rf build' } },
    { type: 'agent.tool_use', id: 'ask-2', name: 'bash', input: { command: 'git push --force' } },
    {
      type: 'session.status_idle',
      stop_reason: { type: 'requires_action', event_ids: ['ask-1', 'ask-2'] },
    },
  );
  await using visited = await visit(browser, sessionAt(name));
  const { page, mishaps } = visited;
  const question = (command: string) => page.locator('.question', { hasText: command });
  await question('rm -rf build').getByRole('button', { name: 'Allow' }).click();
  await question('rm -rf build').waitFor({ state: 'detached' });
  await question('git push').getByRole('button', { name: 'Deny' }).click();
  await page.getByLabel('why not').fill('not on main');
  await page.keyboard.press('Enter');
  await question('git push').waitFor({ state: 'detached' });
  await page.getByLabel('Message to the agent').fill('go on, please');
  await page.keyboard.press('Control+Enter');
  await page.locator('.by-user').getByText('go on, please').waitFor();
  await harness.send(name, { type: 'session.status_running' });
  await page.getByRole('button', { name: 'Interrupt' }).click();
  await harness.send(name, { type: 'session.status_idle', stop_reason: { type: 'end_turn' } });
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('button', { name: 'Pause' }).waitFor();
  await page.getByRole('button', { name: 'Archive', exact: true }).click();
  expect((await harness.session(name))['archived_at']).toBe(null);
  await page.getByRole('button', { name: 'Archive it' }).click();
  await page.locator('.session-head').getByText('archived').waitFor();
  await page.getByLabel('Message to the agent').waitFor({ state: 'detached' });
  expect((await harness.session(name))['archived_at']).not.toBe(null);
  expect(await harness.events(name)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        type: 'user.tool_confirmation',
        result: 'allow',
        tool_use_id: 'ask-1',
      }),
      expect.objectContaining({
        type: 'user.tool_confirmation',
        result: 'deny',
        deny_message: 'not on main',
      }),
      expect.objectContaining({ type: 'user.message', content: text('go on, please') }),
      expect.objectContaining({ type: 'user.interrupt' }),
    ]),
  );
  await page.getByRole('tab', { name: 'Audit' }).click();
  await page.getByRole('tabpanel').getByText('archive', { exact: true }).waitFor();
  expect(mishaps).toEqual([]);
});

test('deliveries are looked at, paused, gone on with and made again', async () => {
  const heard: string[] = [];
  const hooks = createServer((request, reply) => {
    heard.push(request.headers['webhook-id'] as string);
    reply.statusCode = heard.length === 1 ? 500 : 200;
    request.resume().on('end', () => reply.end());
  });
  await new Promise<void>((resolve) => hooks.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(hooks.address() as AddressInfo).port}/hook`;
  const name = 'delivered';
  await harness.send(name, { type: 'user.message', content: text('before') });
  await harness.ask('POST', `/v3/sessions/${name}/destinations`, { url });
  await harness.send(name, { type: 'user.message', content: text('hello') });
  await using visited = await visit(browser, sessionAt(name));
  const { page, mishaps } = visited;
  await page.getByRole('tab', { name: 'Deliveries' }).click();
  const panel = page.getByRole('tabpanel');
  await panel.getByText(url).waitFor();
  await panel.getByText('1 attempt · status 500').waitFor();
  await panel.getByRole('button', { name: 'Pause deliveries' }).click();
  await panel.getByText('paused').waitFor();
  await panel.getByRole('button', { name: 'Go on' }).click();
  await panel.getByRole('button', { name: 'Deliver again' }).click();
  await panel.getByText('delivered', { exact: true }).waitFor();
  await panel.getByRole('button', { name: 'Deliver again' }).click();
  while (heard.length < 3) await page.waitForTimeout(50);
  expect(new Set(heard).size).toBe(1);
  expect(mishaps).toEqual([]);
  hooks.closeAllConnections();
  hooks.close();
});

test('the end stays in view while one follows, also where a question takes its place', async () => {
  const name = 'followed';
  const said = Array.from({ length: 80 }, (_, index) => ({
    type: 'agent.message',
    content: text(`line ${index}`),
  }));
  await harness.send(name, ...said);
  await using visited = await visit(browser, sessionAt(name));
  const { page } = visited;
  await page.getByText('line 79').waitFor();
  await page.locator('.live-open').waitFor();
  await harness.send(
    name,
    { type: 'agent.tool_use', id: 'ask', name: 'bash', input: { command: 'reboot' } },
    {
      type: 'session.status_idle',
      stop_reason: { type: 'requires_action', event_ids: ['ask'] },
    },
  );
  await page.locator('.question').waitFor();
  await page.waitForFunction(() => {
    const list = document.querySelector('.transcript .scroller');
    return list !== null && list.scrollHeight - list.clientHeight - list.scrollTop < 2;
  });
  expect(await page.locator('.at-end').count()).toBe(0);
});

test('a session is forked at an event, and taken along as lines of JSON', async () => {
  const name = 'origin';
  const said = ['one', 'two', 'three'].map((word) => ({
    type: 'user.message',
    content: text(word),
  }));
  await harness.send(name, ...said);
  await using visited = await visit(browser, sessionAt(name, '?event=1'));
  const { page } = visited;
  await page.getByRole('button', { name: 'Fork from here' }).click();
  await page.getByLabel('New session').fill('origin-again');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'origin-again' }).waitFor();
  const forked = await harness.events('origin-again');
  expect(forked).toMatchObject([{ content: text('one') }, { content: text('two') }]);
  await page.locator('summary').click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download all as NDJSON' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('origin-again.ndjson');
  const lines = (await readFile(await download.path(), 'utf8')).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual(forked);
});

test('a link on a page of anybody leads here; a frame of it shows nothing', async () => {
  await harness.send('linked', { type: 'user.message', content: text('linked to') });
  await using pages = await startPages();
  await using visited = await visit(browser, `http://${hostileHost}:${pages.port}/`);
  const { page } = visited;
  const link = sessionAt('linked');
  const [framed] = await Promise.all([
    page.waitForResponse((response) => response.url().startsWith(app.url)),
    page.setContent(`<iframe src="${link}"></iframe><a href="${link}">look</a>`),
  ]);
  expect(framed.status()).toBe(403);
  await page.getByRole('link', { name: 'look' }).click();
  await page.getByText('linked to').waitFor();
});

test('a page that has lost its server goes on behind what it has seen', async () => {
  const name = 'lost';
  await harness.send(name, { type: 'agent.message', content: text('before') });
  await using wire = await startTcpProxy({ target: app });
  await using visited = await visit(browser, `http://${wire.host}:${wire.port}/#/sessions/${name}`);
  const { page } = visited;
  await page.getByText('before').waitFor();
  await page.locator('.live-open').waitFor();
  wire.cut();
  await page.locator('.live-waiting, .live-connecting').waitFor();
  await harness.send(name, { type: 'agent.message', content: text('meanwhile') });
  wire.release();
  await page.getByText('meanwhile').waitFor();
  await harness.send(name, { type: 'agent.message', content: text('after') });
  await page.getByText('after').waitFor();
  expect(await page.getByText('meanwhile').count()).toBe(1);
});
