// npm run demo: a fleet that moves, for whoever wants to see the dashboard at work.

import { stdout } from 'node:process';
import { runDemo } from './demo-fleet.ts';

const url = (process.env['TIDEMARK_URL'] ?? 'http://127.0.0.1:4437').replace(/\/$/, '');
const key = process.env['TIDEMARK_API_KEY'];
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());

stdout.write(`a dozen invented agents write to ${url}: watch them there. Ctrl-C ends it\n`);
try {
  await runDemo({ url, key, signal: ending.signal });
} catch (cause) {
  stdout.write(`the demo has ended: ${String((cause as Error).cause ?? cause)}\n`);
  process.exitCode = 1;
}
