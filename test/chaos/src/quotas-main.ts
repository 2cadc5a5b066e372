// node test/chaos/src/quotas-main.ts --seconds 60 --quota 200 --rate 500

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, exit, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { quotasText, runQuotas } from './quotas-run.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    seconds: { type: 'string', default: '60' },
    quota: { type: 'string', default: '200' },
    rate: { type: 'string', default: '500' },
  },
});

const folder = await mkdtemp(join(tmpdir(), 'tidemark-quotas-'));
const report = await runQuotas({
  folder,
  seconds: Number(values.seconds),
  quota: Number(values.quota),
  rate: Number(values.rate),
});
stdout.write(`${quotasText(report)}\n`);
await rm(folder, { recursive: true, force: true });
exit(report.beside.p99Ms <= 1.5 * report.quiet.p99Ms ? 0 : 1);
