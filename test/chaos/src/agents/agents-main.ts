// node test/chaos/src/agents/agents-main.ts --minutes 10 --seed 1

import { argv, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { runAgents } from './agent-run.ts';
import { agentText } from './agent-text.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const say = (line: string): void => void stdout.write(`${line}\n`);
const seconds = Number(values.minutes) * 60;
const report = await runAgents({ seed: Number(values.seed), seconds, say });
say(agentText(report));
process.exit(report.wrong.length === 0 ? 0 : 1);
