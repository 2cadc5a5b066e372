// A client in a process of its own, which can be killed: a line in, a line out.

import { createInterface } from 'node:readline';
import { type Args, Driver } from './driver.ts';

interface Line {
  readonly ref: number;
  readonly op: string;
  readonly args: Args;
}

const driver = new Driver();

createInterface({ input: process.stdin })
  .on('line', (text) => {
    const { ref, op, args } = JSON.parse(text) as Line;
    void driver.call(op, args).then((outcome) => {
      process.stdout.write(`${JSON.stringify({ ref, outcome })}\n`);
    });
  })
  .on('close', () => process.exit(0));
