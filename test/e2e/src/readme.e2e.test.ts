// The first commands of the README, sent as they stand there.

import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppProcess, startApp } from '@tidemark/infra';
import { afterAll, beforeAll, expect, test } from 'vitest';

const readme = join(import.meta.dirname, '../../../README.md');
const address = 'localhost:4437';

let app: AppProcess;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-readme-'));
  const env = { TIDEMARK_DATA_DIR: join(folder, 'data') };
  app = await startApp({ app: 'server', index: 0, folder, env });
});
afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
});

/** The lines that call curl, each as its arguments. */
async function curlsOf(file: string): Promise<string[][]> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  return lines
    .filter((line) => line.startsWith('curl '))
    .map((line) =>
      [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare = '']) => quoted ?? bare),
    );
}

/** What a curl of the README asks for; an argument that it does not know fails. */
function requestOf([, ...args]: readonly string[]): { url: string; init: RequestInit } {
  const headers: Record<string, string> = {};
  let method = 'GET';
  let body: string | undefined;
  let url = '';
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] as string;
    if (arg === '-N') continue;
    if (arg.startsWith(address)) url = app.url + arg.slice(address.length);
    else if (arg === '-X') method = args[(at += 1)] ?? '';
    else if (arg === '-d') body = args[(at += 1)];
    else if (arg === '-H') {
      const [name = '', value = ''] = (args[(at += 1)] ?? '').split(': ');
      headers[name] = value;
    } else throw new Error(`an argument that is not known: ${arg}`);
  }
  return { url, init: { method, headers, ...(body === undefined ? {} : { body }) } };
}

async function untilText(response: Response, wanted: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece as Uint8Array, { stream: true });
    if (text.includes(wanted)) return text;
  }
  return text;
}

test('send, look, list and follow as the README says', async () => {
  const responses: Response[] = [];
  for (const { url, init } of (await curlsOf(readme)).map(requestOf)) {
    responses.push(await fetch(url, init));
  }
  expect(responses).toHaveLength(5);
  const [send, session, list, read, follow] = responses;
  const sent = (await send?.json()) as { data: unknown[] };
  expect(sent.data).toMatchObject([{ type: 'user.message', content: 'first' }]);
  expect(await session?.json()).toMatchObject({ id: 'hello', status: 'idle', event_count: 1 });
  expect(await list?.json()).toMatchObject(sent);
  expect(await read?.json()).toEqual(sent.data);
  expect(follow?.headers.get('content-type')).toBe('text/event-stream');
  expect(await untilText(follow as Response, 'first')).toContain('event: user.message');
});
