// A server of a test's own that can be killed and started again: the same address, the same data.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppProcess, freePorts, startApp } from '@tidemark/infra';
import type { Args } from './driver.ts';

export class Served implements AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly #folder: string;
  #app: AppProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<Served> {
    const [port = 0] = await freePorts(1);
    const served = new Served(await mkdtemp(join(tmpdir(), 'tidemark-clients-')), port);
    await served.begin();
    return served;
  }

  async begin(): Promise<void> {
    const env = {
      TIDEMARK_DATA_DIR: join(this.#folder, 'data'),
      TIDEMARK_PORT: String(this.port),
      TIDEMARK_ALLOWED_ORIGINS: '*',
      TIDEMARK_LONG_POLL_MS: '2000',
    };
    this.#app = await startApp({ app: 'server', index: 0, folder: this.#folder, env });
  }

  async kill(): Promise<void> {
    this.#app?.kill('SIGKILL');
    await this.#app?.ended;
  }

  /** Asked past all clients: what really stands. */
  async events(session: string): Promise<readonly Args[]> {
    const events: Args[] = [];
    let page: string | null = '';
    while (page !== null) {
      const query = page === '' ? '' : `&page=${page}`;
      const path = `/v1/sessions/${encodeURIComponent(session)}/events?limit=1000${query}`;
      const listed = (await (await fetch(`${this.url}${path}`)).json()) as {
        readonly data: readonly Args[];
        readonly next_page: string | null;
      };
      events.push(...listed.data);
      page = listed.next_page;
    }
    return events;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#app?.[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
