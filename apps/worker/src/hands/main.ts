// Hands: a process of their own that does one thing after the other, as lines of JSON ask for it, and ends
// with whoever asks, whatever it is doing then.

import { createInterface } from 'node:readline';
import { endCommand, type HandRequest, useTool } from './hand-tools.ts';

const folder = process.cwd();

const end = (): void => {
  endCommand();
  process.exit(0);
};
process.once('SIGTERM', end);

let last = Promise.resolve();
const lines = createInterface({ input: process.stdin });
lines.on('close', end);
lines.on('line', (line) => {
  const request = JSON.parse(line) as HandRequest;
  last = last.then(async () => {
    const result = await useTool(folder, request);
    process.stdout.write(`${JSON.stringify({ id: request.id, ...result })}\n`);
  });
});
