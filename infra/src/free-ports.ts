import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

// Below the range from which systems draw the ports of outgoing connections, so that nobody takes the
// port of a server while it is down between a kill and its restart.
const firstPort = 15_000;
const endPort = 31_000;

export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; ports.size < count; attempt += 1) {
    if (attempt > 1_000) throw new Error(`no free ports found. count=${count}`);
    const port = firstPort + Math.floor(Math.random() * (endPort - firstPort));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address() as AddressInfo;
    return address.port === port;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
