import type { Schema } from './schemas.ts';

export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly query?: Readonly<Record<string, Schema>>;
  readonly headers?: Readonly<Record<string, Schema>>;
  readonly body?: Schema;
  readonly status?: number;
  /** Undefined: nothing, or what it streams. */
  readonly answer?: Schema;
  readonly streams?: 'text/event-stream' | 'application/x-ndjson';
}
