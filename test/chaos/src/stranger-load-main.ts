// Peers without a key, of every kind in turn, until standard input closes. In a process of its own.

import { setPriority } from 'node:os';
import { kinds } from './strangers/kinds.ts';
import { Stranger } from './strangers/stranger.ts';

interface Order {
  readonly host: string;
  readonly port: number;
  readonly count: number;
}

// They have processors of their own elsewhere: what they cost the server is what counts.
setPriority(19);

const { count, ...to } = JSON.parse(process.argv[2] ?? '{}') as Order;
const strangers = Array.from({ length: count }, (_, index) => {
  const kind = kinds[index % kinds.length];
  if (kind === undefined) throw new Error('no kind of stranger');
  return new Stranger(to, kind);
});
for (const stranger of strangers) stranger.come();
process.stdin.resume().once('close', () => {
  const connections = strangers.reduce((sum, stranger) => sum + stranger.connections, 0);
  for (const stranger of strangers) stranger.leave();
  process.stdout.write(JSON.stringify({ connections }), () => process.exit(0));
});
