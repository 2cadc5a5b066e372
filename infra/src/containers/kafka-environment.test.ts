import { describe, expect, test } from 'vitest';
import { brokerEnvironment } from './kafka-environment.ts';

describe('brokerEnvironment', () => {
  const all = [1, 2, 3].map((id) => ({ id, hostPort: 20_000 + id }));

  test('clients find a broker on the host, brokers find each other by name', () => {
    const environment = brokerEnvironment({ id: 2, hostPort: 20_002 }, all);
    expect(environment).toMatchObject({
      KAFKA_NODE_ID: '2',
      KAFKA_ADVERTISED_LISTENERS: 'CLIENT://127.0.0.1:20002,INTERNAL://kafka-2:9093',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@kafka-1:9094,2@kafka-2:9094,3@kafka-3:9094',
      KAFKA_MIN_INSYNC_REPLICAS: '2',
      KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE: 'false',
    });
  });
});
