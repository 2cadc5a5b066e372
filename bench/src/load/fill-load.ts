import { Connection, jsonHeaders, requestBytes } from './connection.ts';
import { appendBody } from './events.ts';
import { Latency } from './latency.ts';
import type { FillOrder, LoadResult } from './orders.ts';
import { Window } from './window.ts';

/** Sessions at once: enough to keep the server busy, few enough to be fair to slow ones. */
const together = 8;

export async function fillLoad(order: FillOrder): Promise<LoadResult> {
  const latency = new Latency();
  const window = new Window(order.pids);
  const sessions = [...order.sessions];
  const appends = Math.ceil(order.events / order.sessions.length / order.eventsPerAppend);
  const body = appendBody(order.eventsPerAppend, order.eventBytes);
  window.begin();
  const fill = async (): Promise<void> => {
    const connection = await Connection.open(order.target);
    for (let name = sessions.shift(); name !== undefined; name = sessions.shift()) {
      const path = `/v1/stream/${name}`;
      await connection.ask(requestBytes({ method: 'PUT', path, headers: jsonHeaders }));
      const request = requestBytes({ method: 'POST', path, headers: jsonHeaders, body });
      for (let done = 0; done < appends; done += 1) {
        const startMs = performance.now();
        const { status, answer } = await connection.ask(request);
        if (status !== 204 && status !== 200) throw new Error(answer.toString('latin1'));
        latency.recordMs(performance.now() - startMs);
      }
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: Math.min(together, sessions.length) }, fill));
  const count = appends * order.sessions.length * order.eventsPerAppend;
  return { latency: latency.encode(), count, errors: 0, ...window.end() };
}
