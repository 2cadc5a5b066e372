// Messages on lines, cut anywhere on their way.

import type { McpServer } from '@tidemark/mcp';
import { expect, test } from 'vitest';
import { answerLines } from './lines.ts';

const echo: McpServer = {
  answer: (message) =>
    Promise.resolve(
      typeof message === 'object' && message !== null && 'id' in message
        ? { told: message.id }
        : undefined,
    ),
};

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(new TextEncoder().encode(text));
}

async function answersTo(...texts: readonly string[]): Promise<unknown[]> {
  let written = '';
  const out = {
    isTerminal: false,
    write: (text: string) => {
      written += text;
      return Promise.resolve();
    },
  };
  await answerLines(echo, { stdin: pieces(...texts), out });
  return written
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}

test('each line is a message, wherever it was cut', async () => {
  const answers = await answersTo('{"id"', ':1}\n\n{"id":2}\n{"no":', '3}\n', '{"id":4}');
  expect(answers).toEqual([{ told: 1 }, { told: 2 }]);
});

test('what is no JSON, or too long, is told so, and the next message is answered', async () => {
  const long = `{"id":"${'x'.repeat(700_000)}`;
  const answers = await answersTo('{\n', long, 'y'.repeat(700_000), '"}\n{"id":5}\n');
  expect(answers).toMatchObject([
    { error: { code: -32_700 } },
    { error: { code: -32_700 } },
    { told: 5 },
  ]);
});

test('more messages than are answered at once are all answered', async () => {
  const lines = Array.from({ length: 100 }, (_, id) => `{"id":${id}}\n`);
  expect(await answersTo(lines.join(''))).toHaveLength(100);
});
