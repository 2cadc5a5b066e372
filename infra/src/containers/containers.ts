// The servers as containers, for a machine with Docker: TIDEMARK_TEST_CONTAINERS=1. The library's
// reaper removes them when this process is gone, however it went.

import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { StartedTestContainer } from 'testcontainers';
import { freePorts } from '../free-ports.ts';
import { liveBrokers } from '../kafka/kafka-wire.ts';
import type { SharedKafka } from '../kafka/shared-kafka.ts';
import { makeBucket, type S3Address } from '../s3/bucket.ts';
import type { SharedS3 } from '../s3/shared-s3.ts';
import {
  brokerEnvironment,
  type ContainerBroker,
  containerPorts,
  hostOfBroker,
} from './kafka-environment.ts';

const kafkaImage = 'apache/kafka:4.4.0';
const s3Image = 'versity/versitygw:v1.8.0';
const s3Port = 7_070;
/** Three virtual machines that start at once on a busy machine have needed two minutes. */
const startTimeoutMs = 170_000;

/** Loaded only where it is wanted: it takes longer than starting a server. */
const library = () => import('testcontainers');

export const wantsContainers = (): boolean => process.env['TIDEMARK_TEST_CONTAINERS'] === '1';

/** Three combined brokers; the image can be named by `TIDEMARK_TEST_KAFKA_IMAGE`. */
export async function startKafkaContainers(): Promise<SharedKafka> {
  const image = process.env['TIDEMARK_TEST_KAFKA_IMAGE'] ?? kafkaImage;
  const { GenericContainer, Network } = await library();
  const network = await new Network().start();
  const ports = await freePorts(3);
  const all = ports.map((hostPort, index) => ({ id: index + 1, hostPort }));
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const startOne = (broker: ContainerBroker): Promise<StartedTestContainer> =>
    new GenericContainer(image)
      .withNetwork(network)
      .withNetworkAliases(hostOfBroker(broker.id))
      .withExposedPorts({ container: containerPorts.client, host: broker.hostPort })
      .withEnvironment({ ...brokerEnvironment(broker, all), CLUSTER_ID: clusterId })
      .withStartupTimeout(startTimeoutMs)
      .start();
  const starts = await Promise.allSettled(all.map(startOne));
  const stop = async (): Promise<void> => {
    const started = starts.filter((start) => start.status === 'fulfilled');
    await Promise.all(started.map(({ value }) => value.stop()));
    await network.stop();
  };
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  await until('Kafka', async () => {
    const views = all.map(({ hostPort }) => liveBrokers({ host: '127.0.0.1', port: hostPort }));
    return (await Promise.all(views)).every((ids) => ids.length === all.length);
  }).catch(async (cause: unknown) => {
    await stop();
    throw cause;
  });
  return {
    bootstrap: all.map(({ hostPort }) => `127.0.0.1:${hostPort}`),
    // Their processes belong to the engine.
    brokers: all.map(({ id }) => ({ id, pid: -1 })),
    [Symbol.asyncDispose]: stop,
  };
}

/** versitygw with one bucket; the image can be named by `TIDEMARK_TEST_S3_IMAGE`. */
export async function startS3Container(): Promise<SharedS3> {
  const image = process.env['TIDEMARK_TEST_S3_IMAGE'] ?? s3Image;
  const { GenericContainer } = await library();
  const [hostPort = 0] = await freePorts(1);
  const address: S3Address = {
    endpoint: `http://127.0.0.1:${hostPort}`,
    region: 'us-east-1',
    bucket: 'tidemark',
    accessKeyId: `key${randomBytes(6).toString('hex')}`,
    secretAccessKey: randomBytes(20).toString('hex'),
  };
  const container = await new GenericContainer(image)
    .withExposedPorts({ container: s3Port, host: hostPort })
    .withEnvironment({
      ROOT_ACCESS_KEY_ID: address.accessKeyId,
      ROOT_SECRET_ACCESS_KEY: address.secretAccessKey,
    })
    .withTmpFs({ '/data': 'rw' })
    .withCommand(['--port', `:${s3Port}`, '--keep-alive', 'posix', '--sidecar', '/tmp', '/data'])
    .withStartupTimeout(startTimeoutMs)
    .start();
  const stop = async (): Promise<void> => void (await container.stop());
  await until('the S3 server', () => makeBucket(address)).catch(async (cause: unknown) => {
    await stop();
    throw cause;
  });
  return { ...address, name: image, pid: -1, [Symbol.asyncDispose]: stop };
}

async function until(what: string, isReady: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + startTimeoutMs;
  while (performance.now() < endMs) {
    if (await isReady().catch(() => false)) return;
    await wait(100);
  }
  throw new Error(`${what} did not become ready in its container`);
}
