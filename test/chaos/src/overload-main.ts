// node test/chaos/src/overload-main.ts --seconds 120 --on embedded|kafka

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { startApp, startKafka } from '@tidemark/infra';
import { overloadText, runOverload } from './overload-run.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    seconds: { type: 'string', default: '120' },
    on: { type: 'string', default: 'embedded' },
    connections: { type: 'string', default: '4000' },
  },
});

const folder = await mkdtemp(join(tmpdir(), 'tidemark-overload-'));
await using stack = new AsyncDisposableStack();
const env: Record<string, string> = {
  TIDEMARK_DATA_DIR: join(folder, 'data'),
  // Full from the first seconds on: what grows then is not the window of bodies.
  TIDEMARK_MEMORY_MIB: '4',
};
if (values.on === 'kafka') {
  const kafka = stack.use(await startKafka({ isLongLived: true }));
  env['TIDEMARK_LOG'] = 'kafka';
  env['TIDEMARK_KAFKA_BROKERS'] = kafka.bootstrap.join(',');
}
const server = stack.use(await startApp({ app: 'server', index: 0, folder, env }));
const { host, port, pid } = server;
const report = await runOverload(
  { host, port, pids: [pid], headers: {} },
  {
    seconds: Number(values.seconds),
    measuredSeconds: 5,
    connectionsMax: Number(values.connections),
  },
);
stdout.write(`${values.on}, pid ${pid}\n${overloadText(report)}\n`);
await stack.disposeAsync();
await rm(folder, { recursive: true, force: true });
process.exit(server.isRunning() ? 1 : 0);
