// The dashboard in a browser, over a server of the test's own.

import type { AppProcess } from '@tidemark/infra';
import type { Browser, BrowserContext, Page } from 'playwright-core';

export type Event = Readonly<Record<string, unknown>> & { readonly type: string };

const json = { 'content-type': 'application/json' };

/** As the server tells it. */
export type Told = Readonly<Record<string, unknown>>;

export const text = (said: string): readonly unknown[] => [{ type: 'text', text: said }];

/** Requests as a harness sends them. */
export class Harness {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor({ url }: Pick<AppProcess, 'url'>, key?: string) {
    this.#url = url;
    this.#headers = { ...json, ...(key !== undefined && { authorization: `Bearer ${key}` }) };
  }

  async ask(method: string, path: string, body?: unknown): Promise<Told> {
    const init = { method, headers: this.#headers };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${this.#url}${path}`, { ...init, ...sent });
    const said = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} is answered ${answer.status}: ${said}`);
    return (said === '' ? {} : JSON.parse(said)) as Told;
  }

  async send(name: string, ...events: readonly Event[]): Promise<readonly { id: string }[]> {
    const path = `/v1/sessions/${encodeURIComponent(name)}/events`;
    const { data } = await this.ask('POST', path, { events });
    return data as readonly { id: string }[];
  }

  session(name: string): Promise<Told> {
    return this.ask('GET', `/v1/sessions/${encodeURIComponent(name)}`);
  }

  async events(name: string): Promise<readonly Told[]> {
    const path = `/v1/sessions/${encodeURIComponent(name)}/events`;
    return (await this.ask('GET', path))['data'] as readonly Told[];
  }
}

export interface Visit extends AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What must not be: errors of scripts, dialogs, requests to elsewhere. */
  readonly mishaps: string[];
}

/** A window of its own, as of a person who has never been here. */
export async function visit(
  browser: Browser,
  url: string,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const mishaps: string[] = [];
  const { origin } = new URL(url);
  page.on('pageerror', ({ message }) => mishaps.push(`error: ${message}`));
  page.on('dialog', (dialog) => {
    mishaps.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) mishaps.push(message.text());
  });
  page.on('request', (request) => {
    const target = request.url();
    if (!target.startsWith(origin) && !target.startsWith('blob:')) mishaps.push(`asks ${target}`);
  });
  await page.goto(url);
  return { page, context, mishaps, [Symbol.asyncDispose]: () => context.close() };
}
