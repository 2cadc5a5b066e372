export { Block, type Entry } from './block.ts';
export { BlockCache } from './block-cache.ts';
export { ByteReader, ByteWriter } from './byte-buffers.ts';
export { writeEntry } from './table-format.ts';
export { lookUp, planCompaction, scan, scanBack, type TableRun, writeRun } from './table-runs.ts';
export { TableStore } from './table-store.ts';
export type { TableRef } from './table-writer.ts';
