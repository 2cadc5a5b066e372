import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Fault } from '@tidemark/ports';
import { Secret } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { createLogger, type LoggerSettings } from './logger.ts';

const logged = (settings: Partial<LoggerSettings> = {}) => {
  const lines: string[] = [];
  const target = { write: (line: string) => lines.push(line) };
  return { lines, logger: createLogger({ level: 'info', target, ...settings }) };
};

const parsed = (lines: readonly string[]) =>
  lines.map((line) => JSON.parse(line) as Record<string, unknown>);

describe('createLogger', () => {
  test('writes one JSON object a line, with the fields of its parents', () => {
    const { lines, logger } = logged({ fields: { app: 'server' } });
    logger.child({ shard: 't/0' }).warn({ count: 2, offset: 5n }, 'behind');
    const [line] = parsed(lines);
    expect(line).toMatchObject({
      app: 'server',
      shard: 't/0',
      count: 2,
      offset: '5',
      message: 'behind',
      level: 40,
    });
    expect(lines[0]?.endsWith('\n')).toBe(true);
  });

  test('passes over what lies below its level', () => {
    const { lines, logger } = logged();
    logger.debug({}, 'nothing');
    logger.info({}, 'something');
    expect(lines.length).toBe(1);
    const silent = logged({ level: 'silent' });
    silent.logger.error({}, 'nothing');
    expect(silent.lines).toEqual([]);
  });

  test('never shows a secret or the bytes of a body', () => {
    for (const form of ['json', 'pretty'] as const) {
      const { lines, logger } = logged({ form });
      const key = new Secret('hunter2');
      logger.info({ key, nested: { key }, body: Uint8Array.of(104, 105) }, 'start');
      expect(lines.join()).not.toContain('hunter2');
      expect(lines.join()).toContain('[secret]');
      expect(lines.join()).toContain('[2 bytes]');
    }
  });

  test('tells an error with its facts and causes', () => {
    const { lines, logger } = logged();
    const cause = new Fault('full', 'no room', { effect: 'none', cause: new Error('ENOSPC') });
    logger.error({ cause }, 'append failed');
    expect(parsed(lines)[0]?.['cause']).toMatchObject({
      name: 'Fault',
      message: 'no room',
      reason: 'full',
      effect: 'none',
      cause: { message: 'ENOSPC' },
    });
  });

  test('outlives whoever read its lines', async () => {
    const source = `
      import { createLogger } from ${JSON.stringify(join(import.meta.dirname, 'logger.ts'))};
      const logger = createLogger({ level: 'info' });
      setInterval(() => logger.info({}, 'a line'), 1);
      process.once('uncaughtException', () => process.exit(70));
      process.on('message', (message) => process.send(message));
    `;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    await once(child.stdout as Readable, 'data');
    child.stdout?.destroy();
    await once(child.stdout as Readable, 'close');
    for (let round = 0; round < 50; round += 1) {
      const answered = Promise.race([once(child, 'message'), once(child, 'exit')]);
      child.send('there');
      expect((await answered)[0]).toBe('there');
    }
    child.kill('SIGKILL');
  });

  test('writes a readable line to a terminal', () => {
    const lines: string[] = [];
    const target = { isTTY: true, write: (line: string) => lines.push(line) };
    createLogger({ level: 'info', target }).info({ port: 4437, host: 'a b' }, 'listening');
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}listening port=4437 host="a b"\n$/);
  });
});
