import { join } from 'node:path';
import { type Supervised, startSupervised } from '@tidemark/infra';

/** What a client process is told. */
export interface ClientOrder {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  readonly actors: number;
  /** Actors are numbered over all clients. */
  readonly firstActor: number;
  readonly pauseMsMax: number;
  /** Workers of subscriptions, and how long each waits at most between two requests. */
  readonly workers: number;
  readonly workerPauseMsMax: number;
  /** Where webhooks are received, if they are. */
  readonly webhookUrl?: string;
  readonly timeoutMs: number;
  /** When the names of sessions began to be counted. */
  readonly sinceMs: number;
  readonly historyFile: string;
  readonly tenants: readonly ClientTenant[];
}

export interface ClientTenant {
  readonly tenant: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ClientProcess {
  readonly order: ClientOrder;
  readonly child: Supervised;
  readonly logFile: string;
}

export async function startClient(order: ClientOrder, folder: string): Promise<ClientProcess> {
  const logFile = join(folder, `${order.name}.log`);
  const child = await startSupervised({
    command: process.execPath,
    args: [join(import.meta.dirname, 'client-main.ts'), JSON.stringify(order)],
    logFile,
  });
  return { order, child, logFile };
}

/** Lets it finish what it has begun. */
export async function endClient({ child, logFile }: ClientProcess): Promise<void> {
  child.kill('SIGTERM');
  const { code } = await child.ended;
  if (code !== 0) throw new Error(`a client broke, see ${logFile}`);
}
