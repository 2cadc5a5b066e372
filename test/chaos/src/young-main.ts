// node test/chaos/src/young-main.ts --starts 50 --seconds 30 --seed 1
//
// So many clusters, one behind the other, each loaded from its first moment on; every other one without keys.

import { argv, exit, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { violationText } from './report-text.ts';
import { runYoung } from './young-run.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    starts: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
  },
});

const say = (line: string): void => void stdout.write(`${line}\n`);
let failures = 0;
for (let start = 0; start < Number(values.starts); start += 1) {
  const seed = Number(values.seed) + start;
  const isKeyless = start % 2 === 0;
  const report = await runYoung({ seed, seconds: Number(values.seconds), isKeyless, say });
  const { history, violations, wrong, folders } = report;
  const whose = isKeyless ? 'without keys' : 'three tenants';
  say(
    `seed ${seed}, ${whose}: ${violations.length} violations, ${wrong.length} wrong, ` +
      `${history.acknowledgedEvents} events acknowledged in ${history.sessions.size} sessions`,
  );
  if (violations.length + wrong.length === 0) continue;
  failures += 1;
  for (const line of [...violations.map(violationText), ...wrong]) say(line);
  say(`kept in ${folders.join(' and ')}`);
}
exit(failures === 0 ? 0 : 1);
