import { choice, integer, list, optional, type SettingsOf, secret, text } from '@tidemark/std';
import type { KafkaSettings } from './settings.ts';

/** As every app reads them from its environment. */
export const kafkaDeclarations = {
  brokers: list({
    env: 'TIDEMARK_KAFKA_BROKERS',
    purpose: 'a few brokers, as host:port; the others are learnt from them',
    fallback: ['127.0.0.1:9092'],
  }),
  replicationFactor: integer({
    env: 'TIDEMARK_KAFKA_REPLICATION_FACTOR',
    purpose: 'copies of each topic; one less must be in sync for an acknowledgement',
    min: 2,
    max: 7,
    fallback: 3,
  }),
  kafkaTls: choice({
    env: 'TIDEMARK_KAFKA_TLS',
    purpose: 'encrypt the connections to the brokers',
    among: ['off', 'on'],
    fallback: 'off',
  }),
  kafkaCa: optional(
    text({ env: 'TIDEMARK_KAFKA_CA', purpose: 'authority of the brokers, PEM; else the system’s' }),
  ),
  saslMechanism: optional(
    choice({
      env: 'TIDEMARK_KAFKA_SASL',
      purpose: 'how to authenticate to the brokers',
      among: ['plain', 'scram-sha-256', 'scram-sha-512'],
    }),
  ),
  saslUsername: optional(
    text({ env: 'TIDEMARK_KAFKA_USERNAME', purpose: 'user name for the brokers' }),
  ),
  saslPassword: optional(
    secret({ env: 'TIDEMARK_KAFKA_PASSWORD', purpose: 'password for the brokers' }),
  ),
} as const;

export function kafkaSettingsOf(settings: SettingsOf<typeof kafkaDeclarations>): KafkaSettings {
  const { saslMechanism, saslUsername, saslPassword, kafkaCa } = settings;
  return {
    brokers: settings.brokers,
    replicationFactor: settings.replicationFactor,
    minInsyncReplicas: settings.replicationFactor - 1,
    ...(settings.kafkaTls === 'on' ? { tls: kafkaCa === undefined ? {} : { ca: kafkaCa } } : {}),
    ...(saslMechanism !== undefined && saslUsername !== undefined && saslPassword !== undefined
      ? { sasl: { mechanism: saslMechanism, username: saslUsername, password: saslPassword } }
      : {}),
  };
}
