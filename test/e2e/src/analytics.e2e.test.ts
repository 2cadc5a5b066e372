// docs/ANALYTICS.md: its SQL is run over segments, a replay and a continuous export, with one answer, and its consumer reads what the
// API tells.

import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { kafkaForTests } from '@tidemark/infra';
import { beforeAll, expect, test } from 'vitest';
import { runCli } from './cli.ts';
import { startOwnServer } from './own-server.ts';
import { adminKey, makeTenant } from './tenants.ts';

const docs = resolve(import.meta.dirname, '../../../docs');
const sessions = 12;

let page = '';
let questions: readonly string[] = [];

beforeAll(async () => {
  page = await readFile(join(docs, 'ANALYTICS.md'), 'utf8');
  const text = await readFile(join(docs, 'queries/questions.sql'), 'utf8');
  questions = text
    .split(/^-- \d+\. .*$/m)
    .slice(1)
    .map((part) => part.trim().replace(/;$/, ''));
});

const blocks = (language: string): readonly string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(
    ([, code = '']) => code,
  );

async function converse(url: string, headers: Record<string, string> = {}): Promise<void> {
  for (let session = 0; session < sessions; session += 1) {
    await fetch(`${url}/v1/sessions/s${session}`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ agent: `agent_${session % 2}` }),
    });
    const use = (at: number) => ({
      type: 'agent.tool_use',
      id: `u${session}x${at}`,
      name: `t${at}`,
    });
    const result = (at: number, isError: boolean) => ({
      type: 'agent.tool_result',
      tool_use_id: `u${session}x${at}`,
      is_error: isError,
    });
    const text = (word: string) => [{ type: 'text', text: word }];
    for (const events of [
      [{ type: 'session.status_running' }, { type: 'user.message', content: text('please') }],
      [use(0), use(1)],
      [result(0, session % 4 === 0), result(1, false)],
      [
        { type: 'span.model_request_end', model_usage: { input_tokens: 100, output_tokens: 10 } },
        { type: 'agent.message', content: text('done') },
        { type: 'session.error', error: { type: 'x', message: 'overloaded' } },
      ],
    ]) {
      const response = await fetch(`${url}/v1/sessions/s${session}/events`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ events }),
      });
      expect(response.status).toBe(200);
    }
  }
}

/** Answers of all questions, over what a view is made of. */
async function answers(view: string, table: string): Promise<readonly unknown[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(view);
  await connection.run(table);
  const found: unknown[] = [];
  for (const question of questions) {
    found.push((await connection.runAndReadAll(question)).getRowObjectsJson());
  }
  return found;
}

/** Up to what is archived. */
async function untilExported(objects: string): Promise<void> {
  for (;;) {
    const names = await readdir(objects, { recursive: true });
    const ends = await Promise.all(
      ['/segments.json', '/exports/default.json'].map(async (end) => {
        const name = names.find((each) => each.includes('tidemark.default') && each.endsWith(end));
        if (name === undefined) return undefined;
        const text = await readFile(join(objects, name), 'utf8');
        return (JSON.parse(text) as { readonly endOffset: number }).endOffset;
      }),
    );
    if (ends[0] !== undefined && ends[0] === ends[1]) return;
    await delay(200);
  }
}

test('ten questions have one answer over segments, a replay and a continuous export', async () => {
  expect(questions).toHaveLength(10);
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-analytics-'));
  await using server = await startOwnServer('analytics', {
    TIDEMARK_DATA_DIR: folder,
    TIDEMARK_SEGMENT_MS: '1000',
    TIDEMARK_LOG_KEEP_MIB: '0',
  });
  const materialized = { method: 'PUT', body: JSON.stringify({ format: 'parquet' }) };
  await fetch(`${server.url}/v1/export/materialized`, materialized);
  await converse(server.url);
  for (;;) {
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    if (/^tidemark_tiering_waiting_bytes 0$/m.test(metrics)) break;
    await delay(200);
  }
  const events = join(folder, 'events');
  const words = blocks('sh')[0]?.trim().split('\n') ?? [];
  const [replay = [], list = []] = words.map((line) => line.split(' ').slice(1));
  const parts = { url: server.url, cwd: folder };
  expect((await runCli(replay, parts)).code).toBe(0);
  const listed = await runCli(list.slice(0, list.indexOf('>')), parts);
  await writeFile(join(folder, 'sessions.ndjson'), listed.out);
  const [overSegments = '', overReplay = '', overExport = ''] = blocks('sql');
  const [parquet = '', table = ''] = overReplay.split(';\n');
  const here = (sql: string): string =>
    sql.replace("'sessions.ndjson'", `'${folder}/sessions.ndjson'`);
  const bucket = overSegments.replace("'bucket/", `'${folder}/objects/`);
  const [first, second] = [
    await answers(parquet.replace("'events/", `'${events}/`), here(table)),
    await answers(bucket, here(table)),
  ];
  expect(second?.slice(2)).toEqual(first?.slice(2));
  await untilExported(join(folder, 'objects'));
  const files = overExport
    .replace("'bucket/", `'${folder}/objects/`)
    .replace('/acme/', '/default/');
  expect(await answers(files, here(table))).toEqual(first);
  expect(first?.[0]).toMatchObject([
    { agent: 'agent_0', input_tokens: '600', output_tokens: '60' },
    { agent: 'agent_1', input_tokens: '600', output_tokens: '60' },
  ]);
  expect(first?.[1]).toHaveLength(2);
  expect(first?.[2]).toMatchObject([
    { tool: 't0', results: '12', error_rate: 0.25 },
    { tool: 't1', results: '12', error_rate: 0 },
  ]);
  expect(first?.[7]).toEqual([{ error: 'overloaded', times: '12', sessions: '12' }]);
  expect(first?.[8]).toEqual([{ turns: '1', sessions: '12' }]);
  expect(first?.[9]).toMatchObject([{ questions: '12' }]);
}, 120_000);

test('a plain consumer has the events that the API tells', async () => {
  await using kafka = await kafkaForTests();
  await using server = await startOwnServer('consumed', {
    TIDEMARK_ADMIN_KEY: adminKey,
    TIDEMARK_LOG: 'kafka',
    TIDEMARK_KAFKA_BROKERS: kafka.bootstrap.join(','),
  });
  const tenant = await makeTenant(server.url);
  const headers = { 'x-api-key': tenant.key };
  await converse(server.url, headers);
  const folder = join(import.meta.dirname, '../node_modules/.cache');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `plain-consumer-${process.pid}.mjs`);
  await writeFile(file, stripTypeScriptTypes(blocks('ts')[0] ?? ''));
  const { readEvents } = (await import(pathToFileURL(file).href)) as {
    readonly readEvents: (
      brokers: readonly string[],
      topic: string,
      take: (event: { session: string; seq: number; body: unknown }) => void,
    ) => Promise<() => Promise<void>>;
  };
  const got: { readonly session: string; readonly seq: number; readonly body: unknown }[] = [];
  const end = await readEvents(kafka.bootstrap, tenant.topic, (event) => got.push(event));
  const exported = await (await fetch(`${server.url}/v1/export`, { headers })).text();
  const told = exported
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { session: string; seq: number; event: unknown });
  while (got.length < told.length) await delay(50);
  await end();
  const key = ({ session, seq }: { session: string; seq: number }): string => `${session} ${seq}`;
  const bodies = new Map(got.map((event) => [key(event), event.body]));
  expect(bodies.size).toBe(told.length);
  for (const line of told) expect(bodies.get(key(line))).toEqual(line.event);
}, 120_000);
