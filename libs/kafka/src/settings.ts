import type { Clock, Logger, Metrics, Prng } from '@tidemark/ports';
import type { Secret } from '@tidemark/std';

export interface KafkaComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly prng: Prng;
}

export interface KafkaTls {
  /** PEM. Absent: the system's authorities. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: Secret;
}

export interface KafkaSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: Secret;
}

export interface KafkaSettings {
  /** `host:port` of a few brokers; the others are learnt from them. */
  readonly brokers: readonly string[];
  readonly clientId?: string;
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  readonly replicationFactor?: number;
  readonly minInsyncReplicas?: number;
  /** How long the leader waits for its followers before it answers that it does not know. */
  readonly produceTimeoutMs?: number;
  /** How long an append waits for a leader that can be reached before it is given back unsent. */
  readonly leaderWaitMs?: number;
  readonly requestTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** How long the group waits for a silent member. */
  readonly groupSessionMs?: number;
}

export interface ResolvedSettings extends Required<Omit<KafkaSettings, 'tls' | 'sasl'>> {
  readonly tls: KafkaTls | undefined;
  readonly sasl: KafkaSasl | undefined;
}

export const resolveSettings = (settings: KafkaSettings): ResolvedSettings => ({
  clientId: 'tidemark',
  replicationFactor: 3,
  minInsyncReplicas: 2,
  produceTimeoutMs: 5_000,
  leaderWaitMs: 5_000,
  requestTimeoutMs: 5_000,
  connectTimeoutMs: 2_000,
  groupSessionMs: 10_000,
  tls: undefined,
  sasl: undefined,
  ...settings,
});
