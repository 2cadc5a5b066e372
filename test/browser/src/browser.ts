// A real Chromium, as it comes: nothing that protects its user is switched off.

import { chromiumPath } from '@tidemark/infra';
import { type Browser, chromium as launcher, type Page } from 'playwright-core';

/** Names that resolve to this machine, as whoever owns a name can have it resolve to anything. */
export const hostileHost = 'evil.test';
export const friendlyHost = 'app.test';

export async function startBrowser(): Promise<Browser> {
  const rules = [hostileHost, friendlyHost].map((host) => `MAP ${host} 127.0.0.1`);
  return launcher.launch({
    executablePath: await chromiumPath(),
    args: ['--no-sandbox', `--host-resolver-rules=${rules.join(',')}`],
  });
}

export interface Outcome {
  readonly status: number;
  readonly text: string;
}

interface RequestParts {
  readonly method?: string;
  readonly mode?: 'no-cors';
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** What a script of the page gets from `fetch`: `blocked` where the browser shows it nothing. */
export const fetchIn = (
  page: Page,
  url: string,
  init: RequestParts = {},
): Promise<Outcome | 'blocked'> =>
  page.evaluate(
    async ([target, parts]) => {
      try {
        const answer = await fetch(target, parts);
        return { status: answer.status, text: await answer.text() };
      } catch {
        return 'blocked' as const;
      }
    },
    [url, init] as const,
  );
