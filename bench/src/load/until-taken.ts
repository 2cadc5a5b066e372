import type { Connection } from './connection.ts';
import { after } from './timing.ts';

const pauseMs = 250;

/** Again while the server has too much to do; tells how often it refused. */
export async function untilTaken(connection: Connection, request: Buffer): Promise<number> {
  for (let refused = 0; ; refused += 1) {
    const { status, answer } = await connection.ask(request);
    if (status >= 200 && status <= 299) return refused;
    if (status !== 429 && status < 500) throw new Error(answer.toString('latin1').slice(0, 300));
    await after(pauseMs);
  }
}
