// node infra/src/s3/main.ts [--server versitygw|seaweedfs] [--bucket name] [--data folder] [--port n]
//
// Starts an S3 server, prints where it is as one JSON line, and stops it on SIGINT, SIGTERM, or when
// standard input ends.

import { argv, stdin, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { startS3 } from './s3-server.ts';

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    server: { type: 'string' },
    bucket: { type: 'string' },
    data: { type: 'string' },
    port: { type: 'string' },
  },
});

const { server, bucket, data, port } = values;
const running = await startS3({
  ...(server === undefined ? {} : { server: server === 'seaweedfs' ? server : 'versitygw' }),
  ...(bucket === undefined ? {} : { bucket }),
  ...(data === undefined ? {} : { dataFolder: data }),
  ...(port === undefined ? {} : { port: Number(port) }),
});
stdout.write(`${running.state}\n`);

const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ask());
stdin.once('end', () => ask());
stdin.resume();
await asked;
await running[Symbol.asyncDispose]();
