import { createReadStream } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { type Supervised, startSupervised } from '../supervisor.ts';

export type AppName = 'server' | 'ingest' | 'read' | 'relay' | 'materializer' | 'tiering';

export interface AppOptions {
  readonly app: AppName;
  /** Keeps the outputs of several processes of one app apart. */
  readonly index: number;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** A command that becomes the app, in name spaces of its own for instance. */
  readonly via?: readonly string[];
  /** Of Node, beside those that every process has. */
  readonly flags?: readonly string[];
}

/** One of our processes, as an operator would run it. */
export interface AppProcess extends AsyncDisposable {
  readonly app: AppName;
  readonly index: number;
  readonly logFile: string;
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  readonly url: string;
  isRunning(): boolean;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<unknown>;
}

const root = resolve(import.meta.dirname, '../../..');

/** Of Node, for every one of our processes. A larger nursery: a sixth more events/s in batches of 100. */
export const nodeFlags: readonly string[] = [
  '--max-semi-space-size=64',
  '--import',
  join(root, 'libs/platform/src/compile-cache.ts'),
];

const readyMs = 60_000;

/** Starts the app on a free port and waits until it is ready. */
export async function startApp(options: AppOptions): Promise<AppProcess> {
  const { app, index, folder, env, via = [], flags = [] } = options;
  await mkdir(folder, { recursive: true });
  const logFile = join(folder, `${app}-${index}-${process.hrtime.bigint()}.log`);
  const main = join(root, `apps/${app}/src/main.ts`);
  const node = [process.execPath, ...nodeFlags, ...flags, main];
  const [command = process.execPath, ...args] = [...via, ...node];
  const child = await startSupervised({
    command,
    args,
    logFile,
    folder: root,
    env: { ...inheritedSettings(), TIDEMARK_PORT: '0', ...env },
  });
  const url = await listeningUrl(child, logFile);
  await ready(child, url, logFile);
  const { hostname: host, port } = new URL(url);
  return {
    app,
    index,
    logFile,
    url,
    host,
    port: Number(port),
    pid: child.pid,
    ended: child.ended,
    isRunning: () => child.isRunning(),
    kill: (signal) => child.kill(signal),
    [Symbol.asyncDispose]: () => stop(child),
  };
}

/** What is set for this process, a test run for instance, is not meant for the app: it refuses the unknown. */
export const inheritedSettings = (): Record<string, undefined> =>
  Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => name.startsWith('TIDEMARK_'))
      .map((name) => [name, undefined]),
  );

/** As an operator stops it; as the machine does, where it does not listen. */
async function stop(child: Supervised): Promise<void> {
  if (!child.isRunning()) return;
  child.kill('SIGCONT');
  child.kill('SIGTERM');
  await Promise.race([child.ended, delay(8_000, undefined, { ref: false })]);
  await child[Symbol.asyncDispose]();
}

interface ListeningLine {
  readonly message?: string;
  readonly url?: string;
}

async function listeningUrl(child: Supervised, logFile: string): Promise<string> {
  const endMs = Date.now() + readyMs;
  while (Date.now() < endMs && child.isRunning()) {
    await delay(50);
    const found = await findListening(logFile);
    if (found !== undefined) return found;
  }
  throw new Error(`${logFile} never says where it listens`);
}

async function findListening(logFile: string): Promise<string | undefined> {
  if (
    !(await access(logFile).then(
      () => true,
      () => false,
    ))
  )
    return undefined;
  for await (const line of createInterface({ input: createReadStream(logFile) })) {
    if (!line.startsWith('{')) continue;
    const { message, url } = JSON.parse(line) as ListeningLine;
    if (message === 'listening') return url;
  }
  return undefined;
}

interface Readiness {
  readonly failures: Readonly<Record<string, string>>;
}

/** A disk that is full rings, and its server serves what it has. */
const isServing = ({ failures }: Readiness): boolean =>
  Object.keys(failures).every((name) => name === 'storage full');

async function ready(child: Supervised, url: string, logFile: string): Promise<void> {
  const endMs = Date.now() + readyMs;
  while (Date.now() < endMs && child.isRunning()) {
    const readiness = await fetch(`${url}/readyz`)
      .then((response) => response.json() as Promise<Readiness>)
      .catch(() => undefined);
    if (readiness !== undefined && isServing(readiness)) return;
    await delay(50);
  }
  throw new Error(`${url} does not become ready, see ${logFile}`);
}
