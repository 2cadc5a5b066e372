// The clients under test, each where its users have it. All of them are told the same words.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromiumPath } from '@tidemark/infra';
import { type Browser, chromium as launcher, type Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import type { Args } from './driver.ts';

export interface ToldProblem {
  readonly code: string;
  readonly retry: string;
  readonly effect: string;
  readonly status: number;
  readonly facts: Args;
}

interface Outcome {
  readonly result?: unknown;
  readonly problem?: ToldProblem & { readonly message: string };
  readonly failure?: string;
}

/** A client that does what it is told, and can be killed at any moment. */
export class Agent implements AsyncDisposable {
  readonly #ask: (op: string, args: Args) => Promise<Outcome>;
  readonly kill: () => Promise<void>;

  constructor(ask: (op: string, args: Args) => Promise<Outcome>, kill: () => Promise<void>) {
    this.#ask = ask;
    this.kill = kill;
  }

  async do<T>(op: string, args: Args = {}): Promise<T> {
    const { result, problem, failure } = await this.#ask(op, args);
    if (failure !== undefined) throw new Error(`${op} failed: ${failure}`);
    if (problem !== undefined) throw new Error(`${op}: ${problem.code}: ${problem.message}`);
    return result as T;
  }

  async refused(op: string, args: Args = {}): Promise<ToldProblem> {
    const { problem, ...rest } = await this.#ask(op, args);
    if (problem === undefined) throw new Error(`${op} is not refused: ${JSON.stringify(rest)}`);
    return problem;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

export interface Place extends AsyncDisposable {
  start(): Promise<Agent>;
}

export const places: Readonly<Record<string, () => Promise<Place>>> = {
  node: async () => processes(process.execPath, [join(import.meta.dirname, 'driver-main.ts')]),
  python: async () =>
    processes('python3', [join(import.meta.dirname, '..', 'python', 'driver.py')]),
  chromium: () => pages(),
};

const pythonPath = join(import.meta.dirname, '..', '..', '..', 'clients', 'python');

function processes(command: string, args: readonly string[]): Place {
  return {
    async start() {
      const env = { ...process.env, PYTHONPATH: pythonPath, PYTHONDONTWRITEBYTECODE: '1' };
      return agentOf(spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] }));
    },
    async [Symbol.asyncDispose]() {},
  };
}

function agentOf(child: ChildProcess): Agent {
  const waiting = new Map<number, (outcome: Outcome) => void>();
  const closed = once(child, 'close');
  let lastRef = 0;
  if (child.stdout === null) throw new Error('no output');
  createInterface({ input: child.stdout }).on('line', (text) => {
    const { ref, outcome } = JSON.parse(text) as { ref: number; outcome: Outcome };
    waiting.get(ref)?.(outcome);
    waiting.delete(ref);
  });
  const fallen: Outcome = { failure: 'the client was killed' };
  child.once('close', () => {
    for (const tell of waiting.values()) tell(fallen);
  });
  return new Agent(
    (op, args) =>
      new Promise((resolve) => {
        lastRef += 1;
        waiting.set(lastRef, resolve);
        child.stdin?.write(`${JSON.stringify({ ref: lastRef, op, args })}\n`);
      }),
    async () => {
      child.kill('SIGKILL');
      await closed;
    },
  );
}

/** The client and its driver as a page has them. */
async function bundle(): Promise<string> {
  const input = join(import.meta.dirname, 'driver.ts');
  const bundled = await rolldown({ input, platform: 'browser' });
  const { output } = await bundled.generate({ format: 'esm' });
  await bundled.close();
  return output[0].code;
}

async function pages(): Promise<Place> {
  const script = await bundle();
  const server = createServer(({ url }, response) => {
    const isScript = url === '/driver.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : pageText);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const executablePath = await chromiumPath();
  const browser = await launcher.launch({ executablePath, args: ['--no-sandbox'] });
  const { port } = server.address() as AddressInfo;
  return {
    start: async () => pageAgent(browser, `http://127.0.0.1:${port}`),
    async [Symbol.asyncDispose]() {
      await browser.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

const pageText = `<!doctype html><title>a page</title>
<script type="module">
  import { Driver } from '/driver.js';
  globalThis.driver = new Driver();
</script>`;

interface DriverPage {
  driver: { call(op: string, args: Args): Promise<unknown> };
}

async function pageAgent(browser: Browser, url: string): Promise<Agent> {
  const page: Page = await browser.newPage();
  await page.goto(url);
  await page.waitForFunction(() => 'driver' in globalThis);
  return new Agent(
    (op, args) =>
      page
        .evaluate(
          ([asked, told]) => (globalThis as unknown as DriverPage).driver.call(asked, told),
          [op, args] as const,
        )
        .then((outcome) => outcome as Outcome)
        .catch((cause: unknown) => ({ failure: String(cause) })),
    () => page.close(),
  );
}
