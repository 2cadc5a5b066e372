// node node-streams-main.ts <module> <port> [data folder]: the protocol's reference server.

import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';

interface ReferenceModule {
  readonly DurableStreamTestServer: new (options: {
    readonly port: number;
    readonly host: string;
    readonly dataDir?: string;
  }) => { start(): Promise<string> };
}

const [, , module = '', port = '', dataDir] = argv;
const { DurableStreamTestServer } = (await import(pathToFileURL(module).href)) as ReferenceModule;
const options = { port: Number(port), host: '127.0.0.1' };
await new DurableStreamTestServer(
  dataDir === undefined ? options : { ...options, dataDir },
).start();
