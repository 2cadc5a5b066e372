// Runs one child and kills it when standard input closes, which happens whatever way the parent dies:
// Node has no parent-death signal. Speaks to the parent in JSON lines: { pid }, then { code, signal }.

import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { argv, env, exit, kill, stdin, stdout } from 'node:process';

interface Order {
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly folder?: string;
}

const order = JSON.parse(argv[2] ?? '') as Order;
const output = openSync(order.logFile, 'a');

// A group of its own, so that what the child starts dies with it.
const child = spawn(order.command, order.args, {
  ...(order.folder === undefined ? {} : { cwd: order.folder }),
  env,
  detached: true,
  stdio: ['ignore', output, output],
});

function killGroup(): void {
  if (child.pid === undefined) return;
  try {
    kill(-child.pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

// The parent may be dead already: then nobody reads.
stdout.on('error', () => undefined);

child.once('error', (cause) => {
  stdout.write(`${JSON.stringify({ code: 127, signal: null, message: cause.message })}\n`);
  exit(1);
});
child.once('spawn', () => stdout.write(`${JSON.stringify({ pid: child.pid })}\n`));
child.once('exit', (code, signal) => {
  killGroup();
  stdout.write(`${JSON.stringify({ code, signal })}\n`, () => exit(0));
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // Whoever stops the terminal's group means the parent; the parent's end is what counts here.
  process.on(signal, () => undefined);
}
stdin.on('error', () => undefined);
stdin.once('close', () => {
  killGroup();
  exit(0);
});
stdin.resume();
