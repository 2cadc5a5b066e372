import { Secret } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { BrokerConnection } from './connection.ts';
import { resolveSettings } from './settings.ts';
import { startStubBroker } from './testing/stub-broker.ts';
import { realComponents } from './testing.ts';

describe('a connection that logs in', () => {
  test('takes a cut during the login for trouble, not for a refusal', async () => {
    await using stub = await startStubBroker({ topics: new Map() });
    const port = Number(stub.address.split(':')[1]);
    const settings = resolveSettings({
      brokers: [stub.address],
      sasl: { mechanism: 'plain', username: 'u', password: new Secret('right') },
    });
    const components = { clock: realComponents.clock, serial: 1 };
    const opening = BrokerConnection.open(components, { host: '127.0.0.1', port }, settings);
    await expect(opening).rejects.toMatchObject({ reason: 'unavailable', effect: 'none' });
  });
});
