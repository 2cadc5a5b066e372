// The protocol over standard input and output: a message on each line. Several are answered at once, each when
// it is ready.

import type { McpServer } from '@tidemark/mcp';
import type { Environment } from '../environment.ts';
import { jsonLine } from '../printing.ts';

const lineCharsMax = 1024 * 1024;
const atOnceMax = 16;

/** Resolves once nothing more can come and all is answered. */
export async function answerLines(
  server: McpServer,
  { stdin, out }: Pick<Environment, 'stdin' | 'out'>,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  for await (const line of linesOf(stdin)) {
    const answering = answerLine(server, line, out).finally(() => underWay.delete(answering));
    underWay.add(answering);
    if (underWay.size >= atOnceMax) await Promise.race(underWay);
  }
  await Promise.all(underWay);
}

async function answerLine(
  server: McpServer,
  line: string | undefined,
  out: Environment['out'],
): Promise<void> {
  const message = messageIn(line);
  const answer = message === undefined ? unreadable : await server.answer(message);
  if (answer !== undefined) await jsonLine(out, answer);
}

const unreadable = {
  jsonrpc: '2.0',
  id: null,
  error: { code: -32_700, message: `a message is a line of JSON, of ${lineCharsMax} at most` },
};

function messageIn(line: string | undefined): unknown {
  try {
    return line === undefined ? undefined : JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Undefined in place of a line that is too long. */
async function* linesOf(stdin: AsyncIterable<Uint8Array>): AsyncGenerator<string | undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  let isTooLong = false;
  for await (const piece of stdin) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.trim() !== '' || isTooLong) yield isTooLong ? undefined : line;
      isTooLong = false;
    }
    if (rest.length > lineCharsMax) {
      isTooLong = true;
      rest = '';
    }
  }
}
