import { Exchange } from './client/exchange.ts';
import { type Named, namedIn } from './client/names.ts';
import { Reader } from './client/reader.ts';
import { Recorder } from './client/recorder.ts';
import type { ClientTenant } from './client-process.ts';

export interface FinalReads {
  readonly sessions: ReadonlySet<string>;
  readonly tenants: readonly ClientTenant[];
  /** Every process that reads: each has to say the same. */
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  readonly historyFile: string;
}

const atOnceMax = 8;

/** What everything has come to, as everybody sees it, to the last event. */
export async function readEverything(reads: FinalReads): Promise<void> {
  const { sessions, tenants, servers, historyFile } = reads;
  const recorder = new Recorder(historyFile, 'final');
  for (const { host, port } of servers) {
    const exchanges = new Map(
      tenants.map(({ tenant, headers }) => [tenant, new Exchange({ host, port, headers }, 60_000)]),
    );
    const reader = new Reader({ recorder, exchanges });
    const waiting = [...sessions].map(namedIn);
    const readOn = async (): Promise<void> => {
      for (let named = waiting.pop(); named !== undefined; named = waiting.pop()) {
        await reader.head(named);
        await readAll(reader, named);
      }
    };
    await Promise.all(Array.from({ length: atOnceMax }, readOn));
    for (const exchange of exchanges.values()) exchange.close();
  }
  recorder.close();
}

async function readAll(reader: Reader, named: Named): Promise<void> {
  let from = await reader.read(named, {});
  for (;;) {
    if (from === undefined) return;
    const next = await reader.read(named, { from });
    if (next?.cursor === from.cursor) return;
    from = next;
  }
}
