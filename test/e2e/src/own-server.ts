// A server of a test file's own, embedded, on a free port.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppProcess, freePorts, startApp } from '@tidemark/infra';

export interface OwnServer extends AsyncDisposable {
  readonly url: string;
  readonly app: AppProcess;
}

export async function startOwnServer(
  name: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<OwnServer> {
  const folder = await mkdtemp(join(tmpdir(), `tidemark-${name}-`));
  const [port = 0] = await freePorts(1);
  const env = {
    TIDEMARK_DATA_DIR: join(folder, 'data'),
    TIDEMARK_PORT: String(port),
    ...settings,
  };
  const app = await startApp({ app: 'server', index: 0, folder, env });
  return {
    url: `http://127.0.0.1:${port}`,
    app,
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
