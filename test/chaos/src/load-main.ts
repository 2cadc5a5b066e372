// Appends at a stated rate, whatever the server does: an open loop over as many connections as it
// takes, up to a bound. Prints what became of them as one line of JSON.

import { OpenLoop } from './load/open-loop.ts';
import type { LoadOrder } from './load/order.ts';

const order = JSON.parse(process.argv[2] ?? '{}') as LoadOrder;
const result = await new OpenLoop(order).run();
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
