export type { Entry } from './table-format.ts';
export { lookUp, planCompaction, scan, type TableRun, writeRun } from './table-runs.ts';
export { TableStore } from './table-store.ts';
export type { TableRef } from './table-writer.ts';
