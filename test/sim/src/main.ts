// node test/sim/src/main.ts --seed 7            one run, told in full where it fails
// node test/sim/src/main.ts --seeds 10000 --from 1

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { encodeHistory } from '@tidemark/checker';
import { mutants } from './mutants.ts';
import { run } from './run.ts';
import { shrink } from './shrink.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string' },
    mutant: { type: 'string' },
    history: { type: 'string' },
    'no-shrink': { type: 'boolean' },
  },
});

const isOne = values.seed !== undefined;
const first = Number(values.seed ?? values.from ?? 1);
const end = isOne ? first + 1 : first + Number(values.seeds ?? 100);
const mutant = mutants.find(({ name }) => name === values.mutant);
if (values.mutant !== undefined && mutant === undefined) throw new Error('no such mutant');

const operations: Record<string, number> = {};
const faults: Record<string, number> = {};
const add = (sum: Record<string, number>, more: Readonly<Record<string, number>>): void => {
  for (const [kind, count] of Object.entries(more)) sum[kind] = (sum[kind] ?? 0) + count;
};
const table = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([kind, count]) => `  ${kind}: ${count}`)
    .join('\n');

const undo = mutant?.plant?.() ?? (() => undefined);
const { wrapLog, onFold, plan } = mutant ?? {};
const options = {
  ...(wrapLog === undefined ? {} : { wrapLog }),
  ...(onFold === undefined ? {} : { onFold }),
  ...(plan === undefined ? {} : { reduce: plan }),
};
const startedAt = performance.now();
let failed = 0;
let toldAt = startedAt;
for (let seed = first; seed < end; seed += 1) {
  const outcome = await run(seed, options);
  add(operations, outcome.operations);
  add(faults, outcome.faults);
  const isKept = values.history !== undefined && (isOne || outcome.failures.length > 0);
  if (isKept) writeFileSync(`${values.history}/${seed}.jsonl`, encodeHistory(outcome.history));
  if (outcome.failures.length > 0) {
    failed += 1;
    console.log(`seed ${seed} fails:`);
    for (const failure of outcome.failures.slice(0, isOne ? 40 : 3)) console.log(`  ${failure}`);
    if (isOne && values['no-shrink'] !== true) console.log(await shrink(outcome, options));
  }
  if (performance.now() - toldAt < 60_000) continue;
  toldAt = performance.now();
  const minutes = (toldAt - startedAt) / 60_000;
  const rate = Math.round((seed + 1 - first) / minutes);
  console.log(`next seed ${seed + 1}: ${rate} seeds a minute, ${failed} failed`);
}
undo();
const minutes = (performance.now() - startedAt) / 60_000;
console.log(`operations\n${table(operations)}\nfaults\n${table(faults)}`);
const rate = Math.round((end - first) / minutes);
console.log(`seeds [${first}, ${end}): ${failed} failed, ${rate} seeds a minute`);
process.exitCode = failed === 0 ? 0 : 1;
