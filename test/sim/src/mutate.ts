// node test/sim/src/mutate.ts [name...]        finds the planted bugs, or those named

import { findMutant, mutants } from './mutants.ts';

const seedsMax = 500;
const names = process.argv.slice(2);
let missed = 0;
for (const mutant of mutants) {
  if (names.length > 0 && !names.includes(mutant.name)) continue;
  const startedAt = performance.now();
  const found = await findMutant(mutant, seedsMax);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  if (found === undefined) missed += 1;
  const how = found === undefined ? 'MISSED' : `seed ${found.seed}: ${found.failure.slice(0, 110)}`;
  console.log(`${mutant.name} (${seconds} s): ${how}`);
}
process.exitCode = missed === 0 ? 0 : 1;
