// Before anything else is loaded: half of a start was compiling what the last start had compiled.

import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

enableCompileCache(join(import.meta.dirname, '../../../.cache/compile'));
const { main } = await import('@tidemark/edge');
const { run } = await import('./run.ts');
await main(() => run(process.env));
