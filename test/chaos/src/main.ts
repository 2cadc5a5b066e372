// npm run test:chaos -- --minutes 10 --seed 1 --runs 3 --done runs.jsonl
// npm run test:chaos -- --kills 1000 --seed 1 --disk small
//
// The cluster under faults, or the embedded server under kills: on the machine's disk, on a small one
// that is filled now and then, or, where nothing is said, on one behind the other. Runs that `--done` names as clean are
// left out, so that a series can be taken up again where it was broken off.

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { argv, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { runCluster } from './cluster-run.ts';
import { runEmbedded } from './embedded-run.ts';
import { embeddedText, reportText } from './report-text.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    runs: { type: 'string', default: '1' },
    done: { type: 'string' },
    kills: { type: 'string' },
    disk: { type: 'string' },
  },
});

const say = (line: string): void => void stdout.write(`${line}\n`);
const seconds = Number(values.minutes) * 60;
const { done } = values;
const isDone = (seed: number): boolean =>
  done !== undefined &&
  existsSync(done) &&
  readFileSync(done, 'utf8').split('\n').includes(JSON.stringify({ seed, seconds }));

let failures = 0;

if (values.kills !== undefined) {
  const kills = Number(values.kills);
  for (const disk of ['whole', 'small'] as const) {
    if (values.disk !== undefined && values.disk !== disk) continue;
    const report = await runEmbedded({ seed: Number(values.seed), kills, disk, say });
    say(embeddedText(report));
    failures += report.violations.length + report.crashes.length;
  }
  process.exit(failures === 0 ? 0 : 1);
}

for (let run = 0; run < Number(values.runs); run += 1) {
  const seed = Number(values.seed) + run;
  if (isDone(seed)) {
    say(`seed ${seed} was clean before`);
    continue;
  }
  const report = await runCluster({ seed, seconds, say });
  say(reportText(report));
  if (report.violations.length + report.crashes.length > 0) failures += 1;
  else if (done !== undefined) appendFileSync(done, `${JSON.stringify({ seed, seconds })}\n`);
}
process.exit(failures === 0 ? 0 : 1);
