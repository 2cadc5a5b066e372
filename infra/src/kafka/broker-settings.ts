import { type ClientListener, listenerProperties, securityProtocol } from './client-listener.ts';
import type { Address } from './kafka-wire.ts';

export interface BrokerPorts {
  readonly id: number;
  readonly client: number;
  readonly internal: number;
  readonly controller: number;
}

export interface BrokerSettings {
  readonly node: BrokerPorts;
  readonly all: readonly BrokerPorts[];
  readonly advertised: Address;
  readonly dataFolder: string;
  readonly sessionTimeoutMs: number;
  readonly clients: ClientListener;
}

/**
 * Small, quick to fail over, and strict about what is safe. Clients and brokers talk on listeners of
 * their own, so that a proxy before the first does not come between the second.
 */
export function brokerProperties(settings: BrokerSettings): Record<string, string> {
  const { node, all, advertised, sessionTimeoutMs } = settings;
  const replicas = String(all.length);
  const host = '127.0.0.1';
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    'controller.quorum.voters': all
      .map(({ id, controller }) => `${id}@${host}:${controller}`)
      .join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'INTERNAL',
    'listener.security.protocol.map': `CLIENT:${securityProtocol(settings.clients)},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    listeners: `CLIENT://${host}:${node.client},INTERNAL://${host}:${node.internal},CONTROLLER://${host}:${node.controller}`,
    'advertised.listeners': `CLIENT://${advertised.host}:${advertised.port},INTERNAL://${host}:${node.internal}`,
    'log.dirs': settings.dataFolder,
    'broker.session.timeout.ms': String(sessionTimeoutMs),
    'broker.heartbeat.interval.ms': String(Math.max(100, Math.floor(sessionTimeoutMs / 5))),
    'controller.quorum.election.timeout.ms': '500',
    'controller.quorum.election.backoff.max.ms': '200',
    'controller.quorum.fetch.timeout.ms': '1000',
    'replica.lag.time.max.ms': String(Math.max(5_000, sessionTimeoutMs * 2)),
    'auto.create.topics.enable': 'false',
    'unclean.leader.election.enable': 'false',
    'default.replication.factor': replicas,
    'min.insync.replicas': all.length > 1 ? '2' : '1',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '500',
    'offsets.topic.num.partitions': '3',
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': '3',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': all.length > 1 ? '2' : '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': replicas,
    // The default does not fit a small heap.
    'log.cleaner.dedupe.buffer.size': '4194304',
    'log.index.size.max.bytes': '1048576',
    'message.max.bytes': '10485760',
    'replica.fetch.max.bytes': '10485760',
    ...listenerProperties(settings.clients),
  };
}
