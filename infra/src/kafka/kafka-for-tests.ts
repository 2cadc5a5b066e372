import { readFile } from 'node:fs/promises';
import { startKafkaContainers, wantsContainers } from '../containers/containers.ts';
import { startKafka } from './kafka-cluster.ts';
import type { SharedKafka } from './shared-kafka.ts';

/**
 * A test that kills nobody must not see a fail-over because the machine is busy: with sessions of a
 * second, a thousand new topics on two loaded cores were enough.
 */
export const patientSessionMs = 9_000;

export interface KafkaState {
  readonly bootstrap: readonly string[];
  readonly brokers: readonly {
    readonly id: number;
    readonly pid: number;
    readonly host: string;
    readonly port: number;
  }[];
}

/**
 * The running cluster that `TIDEMARK_TEST_KAFKA` names (its process ids in the file that
 * `TIDEMARK_TEST_KAFKA_STATE` names), or else one of its own, stopped when it is disposed.
 */
export async function kafkaForTests(): Promise<SharedKafka> {
  const bootstrap = process.env['TIDEMARK_TEST_KAFKA'];
  if (bootstrap === undefined || bootstrap === '') {
    return wantsContainers()
      ? startKafkaContainers()
      : startKafka({ sessionTimeoutMs: patientSessionMs });
  }
  const stateFile = process.env['TIDEMARK_TEST_KAFKA_STATE'];
  const state =
    stateFile === undefined
      ? undefined
      : (JSON.parse(await readFile(stateFile, 'utf8')) as KafkaState);
  return {
    bootstrap: bootstrap.split(','),
    brokers: state?.brokers ?? [],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
