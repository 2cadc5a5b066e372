// node test/checker/src/main.ts history.jsonl...

import { readFileSync } from 'node:fs';
import { checkHistory } from './check.ts';
import { parseHistory } from './history.ts';

let count = 0;
for (const path of process.argv.slice(2)) {
  const entries = parseHistory(readFileSync(path, 'utf8'));
  const violations = checkHistory(entries);
  count += violations.length;
  console.log(`${path}: ${entries.length} entries, ${violations.length} violations`);
  for (const { check, session, message, ops } of violations) {
    console.log(`  ${check} ${session}: ${message} (${ops.join(', ')})`);
  }
}
process.exitCode = count === 0 ? 0 : 1;
