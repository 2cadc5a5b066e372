export type { Cell, Column } from './column-buffer.ts';
export { ParquetWriter } from './parquet-writer.ts';
