import { Connection } from './connection.ts';
import type { Target } from './orders.ts';

export interface Connections {
  readonly target: Target;
  readonly count: number;
}

/** Each of the items over a connection, by whichever is free next: all draw from the one iterator. */
export async function byConnections<T>(
  { target, count }: Connections,
  items: IterableIterator<T>,
  send: (connection: Connection, item: T) => Promise<void>,
): Promise<void> {
  const work = async (): Promise<void> => {
    const connection = await Connection.open(target);
    for (const item of items) await send(connection, item);
    connection.close();
  };
  await Promise.all(Array.from({ length: count }, work));
}
