// npm run bench -- [names] [--json FILE] [--smoke] [--long] [--at POINT] [--rounds N] [--before CHECKOUT] [--list]
// npm run bench -- profile <names> [--at POINT]
//
// Runs benchmarks, each against its references in the same run, and says how each stands against its
// bar. `--long` adds what takes many minutes. `--at 100` measures one point of a sweep. `--before` takes
// another checkout, installed, for the only reference: nothing may be slower than it. `profile` runs
// them without references, with our processes under --cpu-prof, and says where the time went.

import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { argv, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { kafkaForTests, type SharedKafka, startKafka } from '@tidemark/infra';
import type { Benchmark } from './benchmark.ts';
import { cacheFolder } from './contestants/install.ts';
import { tidemarkBefore } from './contestants/tidemark.ts';
import { Context } from './context.ts';
import { loadAverage, machine } from './machine.ts';
import { selfTimes } from './profile.ts';
import { type BenchmarkResult, barsOver, notRun } from './result.ts';
import { suite } from './suite.ts';
import { barText, resultText } from './table.ts';

const { values, positionals } = parseArgs({
  args: argv.slice(2),
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    smoke: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    at: { type: 'string' },
    rounds: { type: 'string' },
    before: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});
const isProfile = positionals[0] === 'profile';
const names = isProfile ? positionals.slice(1) : positionals;
const say = (line: string): void => void stdout.write(`${line}\n`);

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);
const earlier = values.before === undefined ? undefined : tidemarkBefore(resolve(values.before));

const unknown = names.filter((name) => !suite.some((benchmark) => benchmark.name === name));
if (values.list || unknown.length > 0) {
  for (const { name, title } of suite) say(`${name.padEnd(22)} ${title}`);
  if (unknown.length > 0) say(`\nno such benchmark: ${unknown.join(', ')}`);
  process.exit(unknown.length > 0 ? 64 : 0);
}

const isWanted = ({ name, isLong }: Benchmark): boolean =>
  names.includes(name) ||
  (names.length === 0 && (isLong !== true || values.smoke)) ||
  (isLong === true && values.long);

interface Kept extends BenchmarkResult {
  readonly name: string;
  readonly title: string;
  readonly atTime: string;
  readonly seconds: number;
  readonly loadAverage: { readonly before: number; readonly after: number };
}

const results: Kept[] = [];
const about = machine();
say(JSON.stringify(about));

/** One cluster for a whole smoke run; else each benchmark has brokers with nothing on them. */
let everybodys: Promise<SharedKafka> | undefined;
async function kafka(): Promise<SharedKafka> {
  if (!values.smoke) return startKafka({ sessionTimeoutMs: 9_000, isLongLived: true });
  everybodys ??= kafkaForTests();
  const { bootstrap, brokers } = await everybodys;
  return { bootstrap, brokers, [Symbol.asyncDispose]: () => Promise.resolve() };
}

async function runOne(benchmark: Benchmark): Promise<void> {
  const { name, title } = benchmark;
  say(`\n## ${name}: ${title}\n`);
  const atTime = new Date().toISOString();
  const startMs = performance.now();
  const before = loadAverage();
  const profileFolder = isProfile ? await mkdtemp(join(tmpdir(), `profile-${name}-`)) : undefined;
  let result: BenchmarkResult;
  try {
    await using context = new Context({
      isSmoke: values.smoke,
      profileFolder,
      say,
      at: numberOf(values.at),
      rounds: numberOf(values.rounds),
      before: earlier,
      kafka,
    });
    result = await benchmark.run(context);
    if (earlier !== undefined) result = { ...result, bars: barsOver(earlier.name, result.rows) };
  } catch (cause) {
    if (values.smoke) throw cause;
    for (const one of causesOf(cause)) say(String((one as Error).stack));
    result = { rows: [], bars: [notRun(title, String(causesOf(cause)[0]).slice(0, 200))] };
  }
  const seconds = Math.round((performance.now() - startMs) / 1_000);
  const average = { before, after: loadAverage() };
  say(`\n${resultText(result)}`);
  say(`took ${seconds} s; load average ${average.before} before, ${average.after} after`);
  results.push({ name, title, atTime, seconds, loadAverage: average, ...result });
  if (profileFolder !== undefined) await sayProfiles(profileFolder);
}

/** The first failure first: what failed while things were closed because of it comes after. */
const causesOf = (cause: unknown): unknown[] =>
  cause instanceof SuppressedError
    ? [...causesOf(cause.suppressed), ...causesOf(cause.error)]
    : [cause];

async function sayProfiles(folder: string): Promise<void> {
  for (const file of await readdir(folder)) {
    say(`\n${join(folder, file)}\n${await selfTimes(join(folder, file))}`);
  }
}

for (const benchmark of suite.filter(isWanted)) await runOne(benchmark);
await (await everybodys)?.[Symbol.asyncDispose]();

say('\n## Bars\n');
for (const { name, bars } of results)
  for (const bar of bars) say(`${name.padEnd(22)} ${barText(bar)}`);

const outputFolder =
  values.json === undefined ? join(cacheFolder, 'results') : dirname(values.json);
await mkdir(outputFolder, { recursive: true });
for (const { name, svg } of results.flatMap(({ plots = [] }) => plots)) {
  await writeFile(join(outputFolder, `${name}.svg`), svg);
}
for (const { name, figures } of results) {
  if (figures === undefined) continue;
  const folder = join(outputFolder, 'figures');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(figures, undefined, 2)}\n`);
}
if (values.json !== undefined) {
  const drawn = (key: string, value: unknown): unknown => (key === 'svg' ? undefined : value);
  const report = { machine: about, results };
  await writeFile(values.json, `${JSON.stringify(report, drawn, 2)}\n`);
}
process.exit(0);
