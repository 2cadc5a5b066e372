// The list of very many sessions: makes them in a server of its own, then opens the list in a browser and scrolls
// it for a while, from both of its ends. `npm run many-sessions [count]`; a million where nothing is said.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { type AppProcess, startApp } from '@tidemark/infra';
import type { Page } from 'playwright-core';
import { startBrowser } from './browser.ts';
import { Harness, visit } from './dashboard.ts';

const count = Number(argv[2] ?? 1_000_000);
const atOnce = 128;
const scrollMs = 20_000;
const agents = ['Payments engineer', 'Search engineer', 'Build doctor', 'Data janitor'];

const say = (text: string): void => void stdout.write(`${text}\n`);
const nameOf = (index: number): string => `many-${String(index).padStart(7, '0')}`;

async function make(app: AppProcess): Promise<void> {
  const harness = new Harness(app);
  const made = await Promise.all(
    agents.map((name) => harness.ask('POST', '/v1/agents', { name, model: 'claude-opus-4-6' })),
  );
  const begun = performance.now();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next; index < count; index = next) {
      next += 1;
      const wish = { title: `Session number ${index}`, agent: made[index % agents.length]?.['id'] };
      await harness.ask('PUT', `/v1/sessions/${nameOf(index)}`, wish);
      const done = index + 1;
      if (done % 10_000 === 0) say(`${done} sessions, ${rate(begun, done)} a second`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  say(`${count} sessions made, ${rate(begun, count)} a second`);
}

const rate = (begun: number, made: number): number =>
  Math.round((made / (performance.now() - begun)) * 1_000);

interface Scrolled {
  readonly rows: number;
  readonly domRows: number;
  readonly frames: number;
  readonly frameMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly longTasks: number;
  readonly heapMiB: number;
}

/** In the page: scrolls to its end again and again, which asks for page after page. */
const scrollOn = (page: Page): Promise<Scrolled> =>
  page.evaluate(async (forMs) => {
    const scroller = document.querySelector<HTMLElement>('.scroller');
    if (scroller === null) throw new Error('there is no list');
    let longTasks = 0;
    new PerformanceObserver((list) => {
      longTasks += list.getEntries().length;
    }).observe({ type: 'longtask' });
    const frames: number[] = [];
    let domRows = 0;
    const begun = performance.now();
    for (let last = begun; last - begun < forMs; ) {
      scroller.scrollTop = scroller.scrollHeight;
      const now = await new Promise<number>((resolve) => {
        requestAnimationFrame(resolve);
      });
      frames.push(now - last);
      last = now;
      domRows = Math.max(domRows, document.querySelectorAll('.row-place').length);
    }
    frames.sort((one, other) => one - other);
    const at = (share: number): number => frames[Math.floor(frames.length * share)] ?? 0;
    const { memory } = performance as unknown as { memory: { usedJSHeapSize: number } };
    const last = [...document.querySelectorAll('.row-place')].at(-1)?.getAttribute('aria-posinset');
    return {
      rows: Number(last),
      domRows,
      frames: frames.length,
      frameMs: { p50: at(0.5), p99: at(0.99), max: frames.at(-1) ?? 0 },
      longTasks,
      heapMiB: Math.round(memory.usedJSHeapSize / 1_048_576),
    };
  }, scrollMs);

const folder = await mkdtemp(join(tmpdir(), 'tidemark-many-'));
const env = { TIDEMARK_DATA_DIR: join(folder, 'data') };
const [browser, app] = await Promise.all([
  startBrowser(),
  startApp({ app: 'server', index: 0, folder, env }),
]);
try {
  await make(app);
  for (const [order, first] of [
    ['desc', count - 1],
    ['asc', 0],
  ] as const) {
    const begun = performance.now();
    await using visited = await visit(browser, `${app.url}/#/sessions?order=${order}`);
    await visited.page.getByText(`Session number ${first}`, { exact: true }).waitFor();
    const openMs = Math.round(performance.now() - begun);
    const scrolled = await scrollOn(visited.page);
    say(JSON.stringify({ order, openMs, ...scrolled, mishaps: visited.mishaps }));
  }
  const begun = performance.now();
  await using visited = await visit(browser, `${app.url}/#/sessions?agent=janitor`);
  await visited.page.getByText('Data janitor').first().waitFor();
  say(JSON.stringify({ filter: 'agent name', openMs: Math.round(performance.now() - begun) }));
} finally {
  await browser.close();
  await app[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}
