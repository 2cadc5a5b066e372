export { chromiumPath } from './chromium.ts';
export {
  type AppName,
  type AppProcess,
  inheritedSettings,
  nodeFlags,
  startApp,
} from './cluster/app-process.ts';
export { type Cluster, type ClusterOptions, startCluster } from './cluster/cluster.ts';
export {
  startKafkaContainers,
  startS3Container,
  wantsContainers,
} from './containers/containers.ts';
export { runDemo } from './demo/demo-fleet.ts';
export { withFileLock } from './file-lock.ts';
export { freePorts } from './free-ports.ts';
export { type Front, startFront, type Upstream, type UpstreamRole } from './front.ts';
export type { SaslUser } from './kafka/client-listener.ts';
export {
  type KafkaBroker,
  type KafkaCluster,
  type KafkaOptions,
  startKafka,
} from './kafka/kafka-cluster.ts';
export { type KafkaState, kafkaForTests } from './kafka/kafka-for-tests.ts';
export type { Address } from './kafka/kafka-wire.ts';
export type { SharedKafka } from './kafka/shared-kafka.ts';
export { pythonPackages } from './python-packages.ts';
export { makeBucket, type S3Address } from './s3/bucket.ts';
export { s3ForTests } from './s3/s3-for-tests.ts';
export type { S3ServerName } from './s3/s3-install.ts';
export { type S3Options, type S3Server, startS3 } from './s3/s3-server.ts';
export { type SharedS3, s3Settings } from './s3/shared-s3.ts';
export { logTail, type Supervised, type SupervisedOptions, startSupervised } from './supervisor.ts';
export { startTcpProxy, type TcpProxy, type TcpProxyOptions } from './tcp-proxy.ts';
