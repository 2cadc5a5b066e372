// Imported before a process's main: half of a start was compiling what the last start had compiled.

import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

enableCompileCache(join(import.meta.dirname, '../../../.cache/compile'));
