// node test/chaos/src/archive/archive-main.ts --on kafka --events 1000000 --sessions 5000 --kills 2
// node test/chaos/src/archive/archive-main.ts --on embedded --events 400000 --sessions 1000 --s3-away 600
//
// Events appended over many sessions while they are archived, merged and read by twenty; everything killed in the
// middle, or S3 away for a while.

import { argv, exit, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { runArchive } from './archive-run.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    on: { type: 'string', default: 'kafka' },
    events: { type: 'string', default: '1000000' },
    sessions: { type: 'string', default: '5000' },
    readers: { type: 'string', default: '20' },
    kills: { type: 'string', default: '0' },
    's3-away': { type: 'string', default: '0' },
    'segment-seconds': { type: 'string', default: '30' },
  },
});

const say = (line: string): void => void stdout.write(`${line}\n`);
const { wrong, figures, ...told } = await runArchive({
  on: values.on === 'embedded' ? 'embedded' : 'kafka',
  events: Number(values.events),
  sessions: Number(values.sessions),
  readers: Number(values.readers),
  kills: Number(values.kills),
  s3AwaySeconds: Number(values['s3-away']),
  segmentSeconds: Number(values['segment-seconds']),
  say,
});
say(`${told.events} events in ${told.seconds} s, ${told.readEvents} read, ${wrong.length} wrong`);
for (const [name, figure] of Object.entries(figures)) say(`${name}: ${figure}`);
for (const line of wrong.slice(0, 50)) say(line);
exit(wrong.length === 0 ? 0 : 1);
