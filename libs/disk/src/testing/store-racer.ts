// A process of its own that races others on one folder store.
// Arguments: directory, own number, 'put' or 'count', how often.

import { once } from 'node:events';
import { bytesOf, textOf } from '@tidemark/std';
import { openFolderStore } from '../folder-store.ts';
import { realClock } from './real-clock.ts';

const [, , directory = '', racer = '', mode = '', times = '0'] = process.argv;
const store = await openFolderStore({ clock: realClock }, { directory });
const wins: [string, string][] = [];
const faults: string[] = [];

async function put(round: number): Promise<void> {
  const [key, body] = [`race/${round}`, `${racer} in round ${round}`];
  const outcome = await store.putIfAbsent(key, bytesOf(body));
  if (outcome.kind === 'stored') wins.push([key, body]);
}

async function count(): Promise<void> {
  await store.putIfAbsent('counter', bytesOf('0'));
  for (;;) {
    const found = await store.get('counter');
    if (found === undefined) throw new Error('the counter is gone');
    const body = bytesOf(String(Number(textOf(found.body)) + 1));
    const outcome = await store.compareAndSwap('counter', { expected: found.etag, body });
    if (outcome.kind === 'stored') return;
  }
}

process.send?.('ready');
await once(process, 'message');
for (let round = 0; round < Number(times); round += 1) {
  try {
    await (mode === 'put' ? put(round) : count());
  } catch (cause) {
    faults.push(String(cause));
  }
}
process.send?.({ wins, faults });
process.disconnect();
