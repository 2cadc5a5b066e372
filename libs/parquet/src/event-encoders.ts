// A file of events, of lines or of columns: the same events are the same bytes.

import type { Column } from './column-buffer.ts';
import type { EventLine } from './event-line.ts';
import { ParquetWriter } from './parquet-writer.ts';

export type EventFormat = 'ndjson' | 'parquet';

export const eventEncoder = (format: EventFormat): EventEncoder =>
  format === 'parquet' ? new ColumnEncoder() : new LineEncoder();

/** Fixed: what does not fit a column is in `event`. */
const eventColumns: readonly Column[] = [
  { name: 'tenant', kind: 'label' },
  { name: 'session', kind: 'label' },
  { name: 'seq', kind: 'whole' },
  { name: 'offset', kind: 'whole' },
  { name: 'id', kind: 'text', isOptional: true },
  { name: 'time', kind: 'time' },
  { name: 'type', kind: 'label', isOptional: true },
  { name: 'level', kind: 'label', isOptional: true },
  { name: 'turn', kind: 'label', isOptional: true },
  { name: 'event', kind: 'json', isOptional: true },
  { name: 'bytes', kind: 'bytes', isOptional: true },
];

export interface EventEncoder {
  add(line: EventLine, timeMs: number): void;
  /** What can be written on. */
  take(): readonly Uint8Array[];
  /** What is left of the file. */
  end(): readonly Uint8Array[];
}

class LineEncoder implements EventEncoder {
  #lines: Uint8Array[] = [];

  add({ line }: EventLine): void {
    this.#lines.push(line);
  }

  take(): readonly Uint8Array[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  end(): readonly Uint8Array[] {
    return this.take();
  }
}

class ColumnEncoder implements EventEncoder {
  readonly #writer = new ParquetWriter(eventColumns);

  add({ head, event, bytes }: EventLine, timeMs: number): void {
    const { tenant, session, seq, offset, id, type, level, turn } = head;
    this.#writer.add([tenant, session, seq, offset, id, timeMs, type, level, turn, event, bytes]);
  }

  take(): readonly Uint8Array[] {
    return this.#writer.take();
  }

  end(): readonly Uint8Array[] {
    return this.#writer.end();
  }
}
