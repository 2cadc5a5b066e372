import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePorts } from '../free-ports.ts';
import { logTail, type Supervised, startSupervised } from '../supervisor.ts';
import { makeBucket, type S3Address } from './bucket.ts';
import { installS3, type S3Install, type S3ServerName } from './s3-install.ts';

export interface S3Options {
  /** Absent: versitygw, or SeaweedFS where only that can be had. */
  readonly server?: S3ServerName;
  readonly bucket?: string;
  /** Kept when the server stops. Absent: a temporary one. */
  readonly dataFolder?: string;
  readonly port?: number;
}

export interface S3Server extends AsyncDisposable, S3Address {
  readonly name: string;
  readonly pid: number;
  /** All of the above, for `TIDEMARK_TEST_S3` of another process. */
  readonly state: string;
  kill(signal: NodeJS.Signals): Promise<void>;
}

const startTimeoutMs = 60_000;

/** A real S3 server with one bucket. It cannot outlive this process. */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  const install = await installS3(options.server);
  const folder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), 'tidemark-s3-')));
  await mkdir(folder, { recursive: true });
  const port = options.port ?? (await freePorts(1))[0] ?? 0;
  const address: S3Address = {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    bucket: options.bucket ?? 'tidemark',
    ...(await keysOf(folder)),
  };
  const server = await launch(install, { folder, port, address });
  const stop = async (): Promise<void> => {
    await server[Symbol.asyncDispose]();
    if (options.dataFolder === undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    await becomeReady(server, address, join(folder, 'server.log'));
  } catch (cause) {
    await stop();
    throw cause;
  }
  const told = { ...address, name: install.name, pid: server.pid };
  return {
    ...told,
    state: JSON.stringify(told),
    async kill(signal) {
      server.kill(signal);
      if (signal === 'SIGKILL' || signal === 'SIGTERM') await server.ended;
    },
    [Symbol.asyncDispose]: stop,
  };
}

type Keys = Pick<S3Address, 'accessKeyId' | 'secretAccessKey'>;

/** A kept folder keeps its keys: what lies in it is theirs. */
async function keysOf(folder: string): Promise<Keys> {
  const file = join(folder, 'keys.json');
  const kept = await readFile(file, 'utf8').catch(() => undefined);
  if (kept !== undefined) return JSON.parse(kept) as Keys;
  const keys = {
    accessKeyId: `key${randomBytes(6).toString('hex')}`,
    secretAccessKey: randomBytes(20).toString('hex'),
  };
  await writeFile(file, JSON.stringify(keys), { mode: 0o600 });
  return keys;
}

interface Place {
  readonly folder: string;
  readonly port: number;
  readonly address: S3Address;
}

function launch(install: S3Install, place: Place): Promise<Supervised> {
  return install.name === 'versitygw'
    ? launchVersitygw(install.command, place)
    : launchSeaweedfs(install.command, place);
}

async function launchVersitygw(command: string, place: Place): Promise<Supervised> {
  const { folder, port, address } = place;
  const data = join(folder, 'data');
  await mkdir(data, { recursive: true });
  return startSupervised({
    command,
    args: ['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', data],
    logFile: join(folder, 'server.log'),
    env: {
      ROOT_ACCESS_KEY_ID: address.accessKeyId,
      ROOT_SECRET_ACCESS_KEY: address.secretAccessKey,
      VGW_REGION: address.region,
    },
  });
}

async function launchSeaweedfs(command: string, place: Place): Promise<Supervised> {
  const { folder, port, address } = place;
  const data = join(folder, 'data');
  await mkdir(data, { recursive: true });
  const { accessKeyId: accessKey, secretAccessKey: secretKey } = address;
  const identity = {
    name: 'tidemark',
    credentials: [{ accessKey, secretKey }],
    actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'],
  };
  const identityFile = join(folder, 'identities.json');
  await writeFile(identityFile, JSON.stringify({ identities: [identity] }));
  const [master, masterGrpc, volume, volumeGrpc, filer, filerGrpc, s3Grpc] = await freePorts(7);
  return startSupervised({
    command,
    args: [
      'server',
      `-dir=${data}`,
      '-ip=127.0.0.1',
      '-ip.bind=127.0.0.1',
      `-master.port=${master}`,
      `-master.port.grpc=${masterGrpc}`,
      '-master.volumeSizeLimitMB=64',
      `-volume.port=${volume}`,
      `-volume.port.grpc=${volumeGrpc}`,
      '-volume.max=0',
      `-filer.port=${filer}`,
      `-filer.port.grpc=${filerGrpc}`,
      '-s3',
      `-s3.port=${port}`,
      `-s3.port.grpc=${s3Grpc}`,
      '-s3.port.iceberg=0',
      `-s3.config=${identityFile}`,
    ],
    logFile: join(folder, 'server.log'),
    folder,
  });
}

async function becomeReady(server: Supervised, address: S3Address, logFile: string): Promise<void> {
  const endMs = performance.now() + startTimeoutMs;
  while (server.isRunning() && performance.now() < endMs) {
    if (await makeBucket(address)) return;
    await wait(50);
  }
  throw new Error(`the S3 server did not become ready\n${logTail(logFile)}`);
}
