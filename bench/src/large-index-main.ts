// node bench/src/large-index-main.ts [--events 1000000] [--sessions 500] [--memory 512] [--turns 4]
//
// Search in a large index, in one process and without HTTP: events like those of agents are indexed and merged into one
// search table, as a publication does it, in a store in memory; then questions of 1, 2, 10 and 30 words are asked in
// turn, with so many MiB for what is kept decoded. Prints JSON: CPU and time of a question, once each was asked before.
// A run says the same as one over HTTP, in a third of its time.

import { argv, cpuUsage, stderr, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { SeededPrng, SimulatedClock, SimulatedObjectStore } from '@tidemark/ports/testing';
import {
  Analyzer,
  mergeSearchTables,
  type SearchTable,
  SearchTableReader,
  SearchTableWriter,
  search,
} from '@tidemark/search';
import { AgentLog } from '@tidemark/search/testing';
import { TableStore } from '@tidemark/tables';
import { spreadOf } from './sample.ts';
import { questionsOf } from './search/questions.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    events: { type: 'string', default: '1000000' },
    sessions: { type: 'string', default: '500' },
    memory: { type: 'string', default: '512' },
    turns: { type: 'string', default: '4' },
  },
});
const [events, sessions] = [Number(values.events), Number(values.sessions)];
const turns = Number(values.turns);
const asked = 20;
const mebibyte = 1_024 * 1_024;
/** What one table takes in memory while it is written, as in a publication. */
const writerBytesMax = 48 * mebibyte;

const say = (line: string): void => void stderr.write(`${line}\n`);
const rounded = (value: number): number => Math.round(value * 100) / 100;
const { signal } = new AbortController();
const rest = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const [clock, prng] = [new SimulatedClock(), new SeededPrng(1)];
const objects = new SimulatedObjectStore({ clock, prng, instant: true }).connect('bench');
let names = 0;
const parts = { nameOf: () => `search/${(names += 1)}`, rest, signal };
const log = new AgentLog(new SeededPrng(7), { sessions: 1 });
const tables = new TableStore(objects, { cacheBytesMax: 64 * mebibyte });

/** One session after the other, as they are indexed. */
async function written(): Promise<readonly SearchTable[]> {
  const made: SearchTable[] = [];
  const analyzer = new Analyzer();
  let writer = new SearchTableWriter(analyzer);
  for (let at = 0; at < events; at += 1) {
    const session = `s-${Math.floor((at * sessions) / events)}`;
    writer.add({ ...log.next(), session });
    if (writer.bytes < writerBytesMax && at < events - 1) continue;
    made.push(await writer.finish(objects, parts));
    writer = new SearchTableWriter(analyzer);
    say(`${at + 1} events`);
  }
  return made;
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = cpuUsage(since);
  return (user + system) / 1_000;
}

const sources = await written();
const table = await mergeSearchTables({ tables, objects }, { sources, removals: new Map() }, parts);
await objects.deleteMany(sources.flatMap(({ run }) => run.map(({ name }) => name)));
const decodedBytesMax = Number(values.memory) * mebibyte;
const reader = new SearchTableReader(tables, { decodedBytesMax });
const told: Record<string, object> = {};
for (const [words, questions] of questionsOf(log, asked)) {
  const [cpu, wall]: [number[], number[]] = [[], []];
  for (let turn = 0; turn <= turns; turn += 1) {
    for (const query of questions) {
      const [startMs, before] = [performance.now(), cpuUsage()];
      await search({ reader, tables: [table], rest }, { query, hitsMax: 10 }, signal);
      if (turn === 0) continue;
      cpu.push(cpuMs(before));
      wall.push(performance.now() - startMs);
    }
  }
  const p50Ms = rounded(spreadOf(wall).median);
  told[`${words} words`] = { p50Ms, p50CpuMs: rounded(spreadOf(cpu).median) };
}
const indexMib = table.run.reduce((sum, { bytes }) => sum + bytes, 0) / mebibyte;
const keptMib = reader.decodedBytes / mebibyte;
const figures = {
  events,
  sessions,
  indexMib: rounded(indexMib),
  keptMib: rounded(keptMib),
  ...told,
};
stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
