// The reference worker as its operator runs it, and a model on loopback that says what its script says.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { inheritedSettings, type Supervised, startSupervised } from '@tidemark/infra';

export interface ModelBlock {
  readonly type: string;
  readonly text?: string;
  readonly id?: string;
  readonly name?: string;
  readonly input?: object;
}

export interface ModelAsked {
  readonly system?: string;
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: readonly ModelBlock[] }[];
}

export interface LoopbackModel extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly ModelAsked[];
  /** Keys that it was asked with. */
  readonly keys: readonly (string | undefined)[];
}

export async function startModel(
  script: (asked: ModelAsked) => readonly ModelBlock[] | Promise<readonly ModelBlock[]>,
): Promise<LoopbackModel> {
  const asked: ModelAsked[] = [];
  const keys: (string | undefined)[] = [];
  const server = createServer((request, reply) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as ModelAsked;
      asked.push(body);
      keys.push(request.headers['x-api-key'] as string | undefined);
      void Promise.resolve(script(body)).then((content) =>
        reply.end(JSON.stringify({ content, usage: { input_tokens: 3, output_tokens: 4 } })),
      );
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    keys,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

export const text = (said: string): ModelBlock => ({ type: 'text', text: said });
export const use = (id: string, name: string, input: object): ModelBlock => ({
  type: 'tool_use',
  id,
  name,
  input,
});

const root = resolve(import.meta.dirname, '../../..');

export const startWorker = (
  name: string,
  folder: string,
  settings: Readonly<Record<string, string>>,
): Promise<Supervised> =>
  startSupervised({
    command: process.execPath,
    args: [join(root, 'apps/worker/src/main.ts')],
    logFile: join(folder, `${name}.log`),
    folder: root,
    env: {
      ...inheritedSettings(),
      TIDEMARK_WORKER_NAME: name,
      TIDEMARK_WORKER_DIR: join(folder, 'work'),
      ...settings,
    },
  });
