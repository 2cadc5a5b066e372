// node test/chaos/src/strangers-main.ts --seconds 120 --strangers 500 --clients 100 --rate 1000

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, exit, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { growthOf, refusedOf, runStrangers, strangersText } from './strangers-run.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    seconds: { type: 'string', default: '120' },
    strangers: { type: 'string', default: '500' },
    clients: { type: 'string', default: '100' },
    rate: { type: 'string', default: '1000' },
  },
});

const folder = await mkdtemp(join(tmpdir(), 'tidemark-strangers-'));
const report = await runStrangers({
  folder,
  seconds: Number(values.seconds),
  quietSeconds: 10,
  strangers: Number(values.strangers),
  clients: Number(values.clients),
  rate: Number(values.rate),
});
stdout.write(`${strangersText(report)}\n`);
await rm(folder, { recursive: true, force: true });
const { quiet, beside } = report;
const isKept =
  Object.keys(refusedOf(beside)).length === 0 &&
  beside.p99Ms <= 2 * quiet.p99Ms &&
  growthOf(report) < 64;
exit(isKept ? 0 : 1);
