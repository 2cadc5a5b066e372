// The load generator: a process of its own, told over IPC what to do.

import { appendLoad } from './append-load.ts';
import { catchUpLoad } from './catch-up-load.ts';
import { fillLoad } from './fill-load.ts';
import { followLoad } from './follow-load.ts';
import type { LoadResult, Order } from './orders.ts';
import { wakeLoad } from './wake-load.ts';

function carryOut(order: Order): Promise<LoadResult> {
  switch (order.kind) {
    case 'append':
      return appendLoad(order);
    case 'follow':
      return followLoad(order);
    case 'wake':
      return wakeLoad(order);
    case 'fill':
      return fillLoad(order);
    case 'catch-up':
      return catchUpLoad(order);
  }
}

process.on('message', (order: Order) => {
  carryOut(order).then(
    (result) => process.send?.({ result }),
    (cause: unknown) => process.send?.({ failure: String((cause as Error).stack) }),
  );
});
process.once('disconnect', () => process.exit(0));
