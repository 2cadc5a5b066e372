import { join } from 'node:path';
import { type KafkaCluster, startApp, startCluster } from '@tidemark/infra';

export type TargetName = 'embedded' | 'kafka' | 'separate';

export interface TargetOptions {
  readonly kafka: Pick<KafkaCluster, 'bootstrap'>;
  readonly folder: string;
  readonly longPollMs: number;
}

export interface Target extends AsyncDisposable {
  readonly url: string;
  readonly description: string;
}

/** The set-ups that the protocol's public suite runs against. */
export async function startTarget(name: TargetName, options: TargetOptions): Promise<Target> {
  const { kafka, folder, longPollMs } = options;
  const common = {
    TIDEMARK_LONG_POLL_MS: String(longPollMs),
    TIDEMARK_LOG_LEVEL: 'info',
    // The suite asks as a page of this origin does.
    TIDEMARK_ALLOWED_ORIGINS: 'https://example.com',
  };
  if (name === 'separate') {
    const cluster = await startCluster({ kafka, env: common, route: 'random' });
    const pids = cluster.apps.map(({ app, pid }) => `${app} ${pid}`).join(', ');
    return {
      url: cluster.url,
      description: `separate processes on Kafka, routed at random, pids ${pids}`,
      [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
    };
  }
  const env =
    name === 'embedded'
      ? { TIDEMARK_DATA_DIR: join(folder, 'embedded') }
      : { TIDEMARK_LOG: 'kafka', TIDEMARK_KAFKA_BROKERS: kafka.bootstrap.join(',') };
  const app = await startApp({ app: 'server', index: 0, folder, env: { ...common, ...env } });
  return {
    url: app.url,
    description: `one process on ${name === 'embedded' ? 'the embedded log' : 'Kafka'}, pid ${app.pid}`,
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
