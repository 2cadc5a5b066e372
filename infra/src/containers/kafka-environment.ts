import { brokerProperties } from '../kafka/broker-settings.ts';
import { openListener } from '../kafka/client-listener.ts';

export interface ContainerBroker {
  readonly id: number;
  /** On the host, where clients find it. */
  readonly hostPort: number;
}

export const containerPorts = { client: 9_092, internal: 9_093, controller: 9_094 };

export const hostOfBroker = (id: number): string => `kafka-${id}`;

/** The same settings as the native brokers', as the official image takes them. */
export function brokerEnvironment(
  broker: ContainerBroker,
  all: readonly ContainerBroker[],
): Record<string, string> {
  const { client, internal, controller } = containerPorts;
  const host = hostOfBroker(broker.id);
  const properties = {
    ...brokerProperties({
      node: { id: broker.id, ...containerPorts },
      all: all.map(({ id }) => ({ id, ...containerPorts })),
      advertised: { host: '127.0.0.1', port: broker.hostPort },
      dataFolder: '/var/lib/kafka/data',
      // Nobody kills them, and a busy machine must not make them fail over.
      sessionTimeoutMs: 9_000,
      clients: openListener,
    }),
    'controller.quorum.voters': all
      .map(({ id }) => `${id}@${hostOfBroker(id)}:${controller}`)
      .join(),
    listeners: `CLIENT://:${client},INTERNAL://:${internal},CONTROLLER://:${controller}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${broker.hostPort},INTERNAL://${host}:${internal}`,
  };
  const entries = Object.entries(properties);
  return Object.fromEntries(entries.map(([name, value]) => [environmentName(name), value]));
}

/** `log.dirs` becomes `KAFKA_LOG_DIRS`. */
const environmentName = (property: string): string =>
  `KAFKA_${property.toUpperCase().replaceAll('.', '_')}`;
