// Every command of the command line, run as its user runs it, against a server with an admin key.

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliAnswer, type CliParts, jsonOf, runCli, startCli } from './cli.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { adminKey, makeTenant, type TestTenant } from './tenants.ts';

let server: OwnServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await startOwnServer('cli', { TIDEMARK_ADMIN_KEY: adminKey });
  tenant = await makeTenant(server.url);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const parts = (more: Partial<CliParts> = {}): CliParts => ({
  url: server.url,
  env: { TIDEMARK_API_KEY: tenant.key },
  ...more,
});

const run = (...args: string[]): Promise<CliAnswer> => runCli(args, parts());
const asAdmin = (...args: string[]): Promise<CliAnswer> =>
  runCli(['admin', ...args], parts({ env: { TIDEMARK_API_KEY: adminKey } }));

describe('append, show, sessions', () => {
  test('what is appended is shown, in words and as JSON', async () => {
    expect(await run('append', 'first', '--text', 'hello world')).toEqual({
      code: 0,
      out: '1 appended\n',
      err: '',
    });
    const lines =
      '{"type":"agent.tool_use","name":"bash","input":{"command":"ls"}}\n\n{"type":"b","n":2}\n';
    const piped = await runCli(['append', 'first', '-', '--json'], parts({ input: lines }));
    expect(jsonOf(piped)).toEqual([{ session: 'first', appended: 2 }]);
    const shown = await run('show', 'first');
    expect(shown.out).toContain('user.message hello world');
    expect(shown.out).toContain('agent.tool_use bash {"command":"ls"}');
    expect(shown.out).toContain('b {"n":2}');
    const [session, ...events] = jsonOf(await run('show', 'first', '--json', '--last', '2'));
    expect(session).toMatchObject({ id: 'first', event_count: 3 });
    expect(events.map(({ type }) => type)).toEqual(['agent.tool_use', 'b']);
    expect(jsonOf(await run('show', 'first', '--json', '--type', 'b'))).toHaveLength(2);
    const listed = await run('sessions');
    expect(listed.out).toMatch(/^SESSION +STATUS +EVENTS/);
    expect(listed.out).toMatch(/^first +idle +3 /m);
  });

  test('an id is appended once, an expected place is held', async () => {
    for (const appended of [1, 0]) {
      const answer = await run('append', 'once', '--text', 'a', '--id', 'mine', '--json');
      expect(jsonOf(answer)).toEqual([{ session: 'once', appended }]);
    }
    expect((await run('append', 'once', '--text', 'b', '--expected', '0')).code).toBe(5);
    expect((await run('append', 'once', '--text', 'b', '--expected', '1')).code).toBe(0);
  });

  test('a long text is cut, and not with --full', async () => {
    await run('append', 'long', '--text', `${'x'.repeat(900)}end`);
    expect((await run('show', 'long')).out).toContain('(903 characters)');
    expect((await run('show', 'long', '--full')).out).toContain('xend');
  });

  test('sessions are filtered', async () => {
    for (const name of ['f1', 'f2', 'f3']) await run('append', name, '--text', name);
    expect(jsonOf(await run('sessions', '--json', '--limit', '2'))).toHaveLength(2);
    expect(jsonOf(await run('sessions', '--json', '--status', 'running'))).toEqual([]);
    expect(jsonOf(await run('sessions', '--json', '--metadata', 'a=b'))).toEqual([]);
    const [oldest] = jsonOf(await run('sessions', '--json', '--oldest', '--limit', '1'));
    expect(oldest?.['id']).toBe('first');
  });
});

describe('tail', () => {
  test('follows one session, from the beginning and from now', async () => {
    await run('append', 'followed', '--text', 'one');
    const all = startCli(['tail', 'followed', '--beginning', '--json', '--count', '2'], parts());
    const live = startCli(['tail', 'followed', '--json', '--count', '1'], parts());
    await expect.poll(all.out, { timeout: 20_000 }).toContain('one');
    await delay(1_500);
    await run('append', 'followed', '--text', 'two');
    expect(jsonOf(await all.ended)).toHaveLength(2);
    const [event] = jsonOf(await live.ended);
    expect(JSON.stringify(event)).toContain('two');
  });

  test('follows all of them, with their names', async () => {
    const tail = startCli(['tail', '--json', '--count', '2', '--type', 'user.message'], parts());
    await delay(2_000);
    await run('append', 'new-one', '--text', 'a');
    await run('append', 'followed', '--text', 'b');
    const told = jsonOf(await tail.ended).map(({ session_id: id }) => id);
    expect(new Set(told)).toEqual(new Set(['new-one', 'followed']));
  });

  test('is interrupted', async () => {
    const tail = startCli(['tail', 'followed', '--beginning'], parts());
    await expect.poll(tail.out, { timeout: 20_000 }).toContain('one');
    tail.child.kill('SIGINT');
    expect((await tail.ended).code).toBe(130);
  });
});

test('search finds over all sessions, in one, and the best of each', async () => {
  await run('append', 'sea', '--text', 'a wandering albatross over the strait');
  await run('append', 'sea', '--text', 'another albatross');
  await run('append', 'land', '--text', 'no albatross here');
  const all = jsonOf(await run('search', 'albatross', '--json'));
  expect(all.map(({ session_id: id }) => String(id)).toSorted()).toEqual(['land', 'sea', 'sea']);
  expect(jsonOf(await run('search', 'albatross', '--grouped', '--json'))).toHaveLength(2);
  const one = jsonOf(await run('search', 'wandering', 'albatross', '--session', 'sea', '--json'));
  expect(one[0]).toMatchObject({ session_id: 'sea', seq: 0, type: 'user.message' });
  const words = await run('search', 'wandering');
  expect(words.out).toBe('sea#0 user.message\n    a wandering albatross over the strait\n');
});

test('facts are put, told, compared and deleted', async () => {
  await run('append', 'facts', '--text', 'a');
  expect((await run('facts', 'facts', 'plan', '{"step":1}', '--version', '0')).code).toBe(0);
  expect((await run('facts', 'facts', 'plan', 'two', '--version', '0')).code).toBe(5);
  expect((await run('facts', 'facts', 'plan', 'two', '--version', '1')).out).toContain('version 2');
  expect((await run('facts', 'facts', 'plan')).out).toBe('"two"\n');
  expect(jsonOf(await run('facts', 'facts', '--json'))).toMatchObject([
    { key: 'plan', version: 2 },
  ]);
  expect((await run('facts', 'facts', 'plan', '--delete')).code).toBe(0);
  expect((await run('facts', 'facts', 'plan')).code).toBe(3);
});

test('export writes events, to the output and to a file', async () => {
  await run('append', 'exported', '--text', 'one');
  await run('append', 'exported', '--text', 'two');
  const lines = jsonOf(await run('export', 'exported'));
  expect(lines.map(({ type }) => type)).toEqual(['user.message', 'user.message']);
  const file = join(await mkdtemp(join(tmpdir(), 'tidemark-export-')), 'out.jsonl');
  expect((await run('export', 'exported', '--out', file)).err).toContain('2 lines');
  expect(
    (await readFile(file, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual(lines);
  await writeFile(file, await readFile(file));
  const back = await run('import', 'jsonl', '--from', file, '--json');
  expect(jsonOf(back).at(-1)).toMatchObject({ total: { appended: 2 } });
});

test('admin makes tenants, keys and quotas', async () => {
  const id = `cli-${tenant.id.slice(2, 10)}`;
  const [made] = jsonOf(await asAdmin('create', id, '--json'));
  expect(made).toMatchObject({ id });
  const key = String(made?.['apiKey']);
  const own = parts({ env: { TIDEMARK_API_KEY: key } });
  expect((await runCli(['append', 'x', '--text', 'x'], own)).code).toBe(0);
  expect((await asAdmin('tenants')).out).toContain(id);
  const [quotas] = jsonOf(await asAdmin('quotas', id, '--quota', 'appendsPerSecond=7', '--json'));
  expect(quotas).toMatchObject({ quotas: { appendsPerSecond: 7 } });
  const [read] = jsonOf(await asAdmin('key', id, '--name', 'ci', '--scope', 'read', '--json'));
  expect(read).toMatchObject({ name: 'ci', scopes: ['read'] });
  const reading = parts({ env: { TIDEMARK_API_KEY: String(read?.['apiKey']) } });
  expect((await runCli(['append', 'x', '--text', 'x'], reading)).code).toBe(5);
  expect(jsonOf(await asAdmin('keys', id, '--json'))).toHaveLength(2);
  const [rotated] = jsonOf(
    await asAdmin('rotate', id, String(read?.['id']), '--overlap', '0', '--json'),
  );
  expect(rotated).toMatchObject({ name: 'ci' });
  expect((await asAdmin('revoke', id, String(rotated?.['id']))).code).toBe(0);
  expect((await asAdmin('suspend', id)).code).toBe(0);
  expect((await runCli(['sessions'], own)).code).toBe(5);
  expect((await asAdmin('resume', id)).code).toBe(0);
  expect((await asAdmin('tenant', id)).out).toMatch(/suspended +false/);
  expect((await asAdmin('level', '--level', '1')).code).not.toBe(2);
  expect((await run('admin', 'tenants')).code).toBe(5);
  expect((await asAdmin('nothing')).code).toBe(2);
});

test('doctor says what works, and of what does not what to do', async () => {
  const well = await run('doctor', '--write', '--json');
  expect(well.code).toBe(0);
  expect(jsonOf(well).map(({ check, ok }) => [check, ok])).toEqual(
    ['node', 'server', 'readiness', 'clocks', 'key', 'write'].map((check) => [check, true]),
  );
  const keyless = await runCli(['doctor'], parts({ env: { TIDEMARK_API_KEY: 'none-of-ours' } }));
  expect(keyless.code).toBe(1);
  expect(keyless.out).toContain('tidemark admin key TENANT');
  const nobody = await runCli(['doctor'], parts({ url: 'http://127.0.0.1:9' }));
  expect(nobody.code).toBe(1);
  expect(nobody.out).toContain('npm start');
});

test('completion offers commands and their options, in a shell', async () => {
  const { out } = await run('completion', 'bash');
  const { execFileSync } = await import('node:child_process');
  const complete = (...words: string[]): string[] => {
    const script = `${out}\nCOMP_WORDS=(tidemark ${words.join(' ')}); COMP_CWORD=${words.length}; _tidemark; echo "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', script]).toString().trim().split(' ');
  };
  expect(complete('se')).toEqual(['sessions', 'search']);
  expect(complete('search', '--g')).toEqual(['--grouped']);
  for (const shell of ['zsh', 'fish']) {
    expect((await run('completion', shell)).out).toContain('sessions');
  }
  expect((await run('completion', 'tcsh')).code).toBe(2);
});

test('a mistake has its own exit code and says so', async () => {
  const wrong = await run('sessions', '--nonsense');
  expect(wrong).toMatchObject({ code: 2, out: '' });
  expect(wrong.err).toContain("Unknown option '--nonsense'");
  expect((await run('nonsense')).code).toBe(2);
  expect((await run('show')).err).toContain('SESSION is missing');
  expect((await run('show', 'a', '--last', 'x')).err).toContain('--last is a whole number');
  expect((await run('show', 'no-such-session')).code).toBe(3);
  expect((await runCli(['sessions'], parts({ url: 'http://127.0.0.1:9' }))).code).toBe(4);
  expect((await runCli(['sessions'], parts({ env: {} }))).code).toBe(5);
  expect((await run()).code).toBe(2);
  expect((await run('help')).code).toBe(0);
  expect((await run('help', 'tail')).out).toBe((await run('tail', '--help')).out);
});

/** The examples of the documentation, each as its words. */
async function examplesOf(file: string): Promise<string[][]> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  return lines.flatMap((line) => {
    const [, example] = /^ {2}tidemark ([a-z].*)$/.exec(line) ?? [];
    const words = example?.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g);
    return words === undefined
      ? []
      : [[...words].map(([, one, two, bare]) => one ?? two ?? bare ?? '')];
  });
}

/** A process that a signal ends before its program runs has no exit code: it is given more time. */
async function interrupted(args: readonly string[], own: CliParts): Promise<CliAnswer> {
  for (let waitMs = 1_500; ; waitMs *= 2) {
    const started = startCli(args, own);
    await delay(waitMs);
    started.child.kill('SIGINT');
    const answer = await started.ended;
    if (answer.code !== null) return answer;
  }
}

test('the examples of docs/CLI.md do what they say', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'tidemark-examples-'));
  await writeFile(join(cwd, 'events.jsonl'), '{"type":"agent.message","content":[]}\n');
  await run('append', 'hello', '--text', 'first');
  const examples = await examplesOf(join(import.meta.dirname, '../../../docs/CLI.md'));
  expect(examples.length).toBeGreaterThan(25);
  for (const words of examples) {
    const key = words[0] === 'admin' ? adminKey : tenant.key;
    const env = { TIDEMARK_API_KEY: key, CLAUDE_CONFIG_DIR: cwd, CODEX_HOME: cwd };
    const isEndless =
      words.includes('--watch') ||
      words.includes('--listen') ||
      (words[0] === 'tail' && !words.includes('--count'));
    // Whoever tests takes no port that somebody else may have.
    const asked = words.map((word) => word.replace(/^(127\.0\.0\.1):\d+$/, '$1:0'));
    const own = parts({ env, cwd, input: '' });
    const { code, err } = await (isEndless ? interrupted(asked, own) : runCli(asked, own));
    expect({ words, code, err: code === 0 ? '' : err }).toEqual({
      words,
      code: isEndless ? 130 : 0,
      err: '',
    });
  }
});
