export type { Cell, Column } from './column-buffer.ts';
export { type EventEncoder, type EventFormat, eventEncoder } from './event-encoders.ts';
export { type EventLine, eventLine } from './event-line.ts';
export { ParquetWriter } from './parquet-writer.ts';
