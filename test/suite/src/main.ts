// npm test: every suite, over real brokers and a real S3 server that it starts itself, and the
// protocol's public suite, unmodified, against three set-ups of the platform.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import {
  type SharedKafka,
  type SharedS3,
  startKafka,
  startKafkaContainers,
  startS3,
  startS3Container,
  wantsContainers,
} from '@tidemark/infra';
import { type Judged, judge } from './alone.ts';
import { startTarget, type TargetName } from './public-targets.ts';
import {
  root,
  runSuite,
  type SuiteResult,
  type SuiteRun,
  vitestOfPublicSuite,
  vitestOfRepository,
} from './runs.ts';

/** The public suite allows a second more than this for an answer: a busy machine needs it. */
const longPollMs = 1_500;
const say = (line: string): void => void stdout.write(`${line}\n`);
const only = argv.slice(2);
const isWanted = (name: string): boolean => only.length === 0 || only.includes(name);

const folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'));
/** Sessions as in production: the machine is busy, and these brokers are nobody's victims. */
const sessionTimeoutMs = 9_000;

function startWorlds(): Promise<[SharedKafka, SharedS3]> {
  return wantsContainers()
    ? Promise.all([startKafkaContainers(), startS3Container()])
    : Promise.all([startKafka({ sessionTimeoutMs }), startS3()]);
}

say(`starting three brokers and an S3 server${wantsContainers() ? ' in containers' : ''} ...`);
const [kafka, s3] = await startWorlds();
const describe = ({ bootstrap, brokers }: SharedKafka): string =>
  `${bootstrap.join(', ')}, pids ${brokers.map(({ pid }) => pid).join(', ')}`;
say(`brokers at ${describe(kafka)}`);
say(`S3 ${s3.name} at ${s3.endpoint}, pid ${s3.pid}`);
// The public suite has bounds in time that are not ours: its brokers have no other work. In
// containers there is one set of brokers for everybody.
const publicKafka = wantsContainers() ? kafka : await startKafka({ sessionTimeoutMs });
say(`brokers of the public suite at ${describe(publicKafka)}`);
const stateFile = join(folder, 'kafka.json');
const brokers = kafka.brokers.map(({ id, pid }) => ({ id, pid }));
await writeFile(stateFile, JSON.stringify({ bootstrap: kafka.bootstrap, brokers }));
// What tests leave lies in there, and goes with it where all passed.
const temp = join(folder, 'tmp');
await mkdir(temp);
const env = {
  TMPDIR: temp,
  TIDEMARK_TEST_KAFKA: kafka.bootstrap.join(','),
  TIDEMARK_TEST_KAFKA_STATE: stateFile,
  TIDEMARK_TEST_S3: JSON.stringify(s3),
};

function tier(name: string, { shard, files = [] }: Part): SuiteRun {
  const told = shard === undefined ? name : `${name} ${shard}`;
  const reportFile = join(folder, `${told.replaceAll(/\W/g, '-')}${files.length}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const part = shard === undefined || files.length > 0 ? [] : [`--shard=${shard}`];
  const args = ['run', '--project', name, ...part, ...files, ...reporters];
  const vitest = vitestOfRepository;
  return { name: told, vitest, args, folder: root, env, reportFile, isPatient: true };
}

interface Part {
  /** One of the parts that the tier's files are dealt to; all of it without. */
  readonly shard?: string | undefined;
  /** These, of whichever part. */
  readonly files?: readonly string[];
}

async function runTier(name: string, part: Part): Promise<SuiteResult> {
  return report(await runSuite(tier(name, part)));
}

async function runPublic(target: TargetName, on: SharedKafka): Promise<SuiteResult> {
  const name = `public suite, ${target}`;
  const reportFile = join(folder, `public-${target}.json`);
  await using running = await startTarget(target, { kafka: on, folder, longPollMs });
  say(`${name}: ${running.description}`);
  const result = await runSuite({
    name,
    vitest: vitestOfPublicSuite,
    args: ['run', '--root', '.', '--config', 'vitest.public.config.ts'],
    folder: join(root, 'test/conformance'),
    env: {
      CONFORMANCE_TEST_URL: running.url,
      CONFORMANCE_LONG_POLL_MS: String(longPollMs),
      CONFORMANCE_REPORT: reportFile,
    },
    reportFile,
  });
  return report(result);
}

function report(result: SuiteResult): SuiteResult {
  const { name, passed, failed, skipped, seconds, output } = result;
  if (failed > 0) say(output);
  else
    say(
      output
        .split('\n')
        .filter((line) => /measured|pids?\b/i.test(line))
        .join('\n'),
    );
  say(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds.toFixed(0)} s`);
  return result;
}

interface Run {
  /** By which it is asked for. */
  readonly name: string;
  run(): Promise<SuiteResult>;
  /** Where what failed may be the machine's: it runs the failed files once more. */
  readonly again?: (files: readonly string[]) => Promise<SuiteResult>;
}

interface Finished {
  readonly run: Run;
  readonly result: SuiteResult;
}

const inMemory = (name: string): Run => ({ name, run: () => runTier(name, {}) });
const ofProcesses = (name: string, shard?: string): Run => ({
  name,
  run: () => runTier(name, { shard }),
  again: (files) => {
    say(`\n${name}: alone, once more: ${files.join(', ')}`);
    return runTier(name, { shard, files });
  },
});
const ofPublic = (target: TargetName): Run => ({
  name: `public-${target}`,
  run: () => runPublic(target, publicKafka),
  again: () => {
    say(`\npublic suite, ${target}: alone, once more`);
    return runPublic(target, kafka);
  },
});

/** Of what takes longest: a lane that has nothing else to do takes the next. */
const e2eParts = 8;
const shared = Array.from({ length: e2eParts }, (_, index) =>
  ofProcesses('e2e', `${index + 1}/${e2eParts}`),
);

/** One behind the other. */
async function inTurn(runs: Iterable<Run>): Promise<Finished[]> {
  const finished: Finished[] = [];
  for (const run of runs) {
    if (isWanted(run.name)) finished.push({ run, result: await run.run() });
  }
  return finished;
}

function* untilNoneIsLeft(): Generator<Run> {
  for (let next = shared.shift(); next !== undefined; next = shared.shift()) yield next;
}

/** Its own runs, and then what is left of the shared ones. */
const lane = async (own: readonly Run[]): Promise<Finished[]> => [
  ...(await inTurn(own)),
  ...(await inTurn(untilNoneIsLeft())),
];

/** Brokers cost their share of the machine also when nobody asks them anything. */
async function publicThenChaos(): Promise<Finished[]> {
  const publics = await inTurn([ofPublic('embedded'), ofPublic('kafka'), ofPublic('separate')]);
  if (publicKafka !== kafka) await publicKafka[Symbol.asyncDispose]();
  return [...publics, ...(await lane([ofProcesses('chaos')]))];
}

const startMs = performance.now();
const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
  readonly packages: Record<string, { readonly version: string; readonly integrity: string }>;
};
const suitePackage = lock.packages['node_modules/@durable-streams/server-conformance-tests'];
say(`public suite ${suitePackage?.version} ${suitePackage?.integrity}`);

const finished = (
  await Promise.all([
    lane([]),
    publicThenChaos(),
    // Late: beside chaos, which kills brokers too, both would starve.
    lane([inMemory('unit'), inMemory('sim'), ofProcesses('int')]),
  ])
).flat();

const judged: Judged[] = [];
for (const { run, result } of finished) judged.push(await judge(result, run.again));
const results = judged.map(({ result }) => result);

await Promise.all([kafka[Symbol.asyncDispose](), s3[Symbol.asyncDispose]()]);
const sum = (of: (result: SuiteResult) => number): number =>
  results.reduce((total, result) => total + of(result), 0);
for (const { result, failedOnce } of judged) {
  for (const failure of failedOnce) {
    say(`\nfailed beside others in ${result.name}, passed alone: ${failure}`);
  }
  for (const { failures } of result.failedFiles) {
    for (const failure of failures) say(`\nfailed in ${result.name}: ${failure}`);
  }
  if (result.broken !== undefined) say(`\nfailed in ${result.name}: ${result.broken}`);
}
say('');
for (const { name, passed, failed, skipped, seconds } of results) {
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  say(`${name.padEnd(24)} ${counts.padEnd(36)} ${seconds.toFixed(0)} s`);
}
say(`all suites in ${((performance.now() - startMs) / 1_000).toFixed(0)} s`);
const failed = sum((result) => result.failed);
// A skipped test says nothing: it counts as one that failed.
const skipped = sum((result) => result.skipped);
if (failed + skipped === 0) await rm(folder, { recursive: true, force: true });
else say(`what they left is in ${folder}`);
say(`${sum((result) => result.passed)} passed, ${failed + skipped} failed`);
process.exit(failed + skipped > 0 || results.length === 0 ? 1 : 0);
