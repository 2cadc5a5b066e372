// The store for the Claude Agent SDK in Python, by the suite that the SDK ships; and with TypeScript's store
// on the same sessions.

import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { claudeCases } from '@tidemark/agent-formats/testing';
import { TidemarkSessionStore } from '@tidemark/agent-stores/claude';
import { pythonPackages } from '@tidemark/infra';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from './own-server.ts';

let server: OwnServer;
let packages: string;

beforeAll(async () => {
  packages = await pythonPackages(['claude-agent-sdk==0.2.189']);
  server = await startOwnServer('claude-python');
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

function python(args: readonly string[], input = ''): Promise<string> {
  const script = join(import.meta.dirname, '..', 'python', 'claude_store.py');
  const client = join(import.meta.dirname, '../../../clients/python');
  const env = { ...process.env, PYTHONPATH: `${packages}:${client}`, TIDEMARK_URL: server.url };
  return new Promise((done, failed) => {
    const child = execFile('python3', [script, ...args], { env }, (error, stdout, stderr) =>
      error === null ? done(stdout) : failed(new Error(stderr, { cause: error })),
    );
    child.stdin?.end(input);
  });
}

test('the suite of the SDK, repeats, two stores and a large entry', async () => {
  expect(await python([])).toContain('claude-agent-sdk 0.2.189: all as it should be');
});

test('both stores read and know what the other wrote', async () => {
  const store = new TidemarkSessionStore({ baseUrl: server.url });
  const entries = claudeCases.flatMap(({ files }) =>
    (files[0]?.text ?? '')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as SessionStoreEntry)
      .filter((each) => !Array.isArray(each)),
  );
  const seen = new Set<unknown>();
  const unique = entries.filter(
    ({ uuid }) => uuid === undefined || (!seen.has(uuid) && seen.add(uuid)),
  );
  const name = randomUUID();
  await store.append({ projectKey: '-exchanged', sessionId: name }, unique);
  const key = { project_key: '-exchanged', session_id: name };
  expect(await python(['exchanged'], JSON.stringify([key, unique]))).toContain(
    'all as it should be',
  );
  expect(await store.load({ projectKey: '-exchanged', sessionId: name })).toEqual(unique);
});
