// node test/chaos/src/quotas-main.ts --rounds 7 --seconds 10 --quota 200 --rate 500

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, exit, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { besideQuiet, quotasText, runQuotas } from './quotas-run.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '10' },
    quota: { type: 'string', default: '200' },
    rate: { type: 'string', default: '500' },
  },
});

const folder = await mkdtemp(join(tmpdir(), 'tidemark-quotas-'));
const rounds = await runQuotas({
  folder,
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  quota: Number(values.quota),
  rate: Number(values.rate),
});
stdout.write(`${quotasText(rounds)}\n`);
await rm(folder, { recursive: true, force: true });
exit(besideQuiet(rounds) <= 1.5 ? 0 : 1);
