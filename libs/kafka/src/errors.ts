// Every error code of the brokers that this package relies on, in one place.

import { type AppendOutcome, Fault, type FaultReason } from '@tidemark/ports';

interface CodeMeaning {
  readonly name: string;
  /**
   * Produce: whether an answer with this code proves that nothing was written, and what to do then.
   * Absent: it proves nothing. NOT_LEADER, for one, may come after the append.
   */
  readonly refusal?: 'try-again' | 'never';
  /** What it is to everything else. Absent: passing trouble. */
  readonly reason?: FaultReason;
  /** The leader may be another by now. */
  readonly isLeadership?: true;
}

const meanings: Readonly<Record<number, CodeMeaning>> = {
  1: { name: 'OFFSET_OUT_OF_RANGE', reason: 'above-end' },
  2: { name: 'CORRUPT_MESSAGE', refusal: 'try-again', reason: 'corrupt' },
  3: { name: 'UNKNOWN_TOPIC_OR_PARTITION', reason: 'missing', isLeadership: true },
  5: { name: 'LEADER_NOT_AVAILABLE', isLeadership: true },
  6: { name: 'NOT_LEADER_OR_FOLLOWER', isLeadership: true },
  7: { name: 'REQUEST_TIMED_OUT' },
  8: { name: 'BROKER_NOT_AVAILABLE', isLeadership: true },
  9: { name: 'REPLICA_NOT_AVAILABLE', isLeadership: true },
  10: { name: 'MESSAGE_TOO_LARGE', refusal: 'never', reason: 'too-large' },
  13: { name: 'NETWORK_EXCEPTION', isLeadership: true },
  14: { name: 'COORDINATOR_LOAD_IN_PROGRESS' },
  15: { name: 'COORDINATOR_NOT_AVAILABLE' },
  16: { name: 'NOT_COORDINATOR' },
  17: { name: 'INVALID_TOPIC_EXCEPTION', reason: 'missing' },
  18: { name: 'RECORD_LIST_TOO_LARGE', refusal: 'never', reason: 'too-large' },
  19: { name: 'NOT_ENOUGH_REPLICAS', refusal: 'try-again' },
  20: { name: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' },
  22: { name: 'ILLEGAL_GENERATION' },
  25: { name: 'UNKNOWN_MEMBER_ID' },
  27: { name: 'REBALANCE_IN_PROGRESS' },
  29: { name: 'TOPIC_AUTHORIZATION_FAILED', refusal: 'never', reason: 'denied' },
  30: { name: 'GROUP_AUTHORIZATION_FAILED', reason: 'denied' },
  31: { name: 'CLUSTER_AUTHORIZATION_FAILED', reason: 'denied' },
  32: { name: 'INVALID_TIMESTAMP', refusal: 'never' },
  33: { name: 'UNSUPPORTED_SASL_MECHANISM', reason: 'denied' },
  34: { name: 'ILLEGAL_SASL_STATE', reason: 'denied' },
  36: { name: 'TOPIC_ALREADY_EXISTS' },
  37: { name: 'INVALID_PARTITIONS' },
  38: { name: 'INVALID_REPLICATION_FACTOR' },
  41: { name: 'NOT_CONTROLLER' },
  44: { name: 'POLICY_VIOLATION', reason: 'denied' },
  56: { name: 'KAFKA_STORAGE_ERROR', isLeadership: true },
  58: { name: 'SASL_AUTHENTICATION_FAILED', reason: 'denied' },
  70: { name: 'FETCH_SESSION_ID_NOT_FOUND' },
  71: { name: 'INVALID_FETCH_SESSION_EPOCH' },
  74: { name: 'FENCED_LEADER_EPOCH', isLeadership: true },
  75: { name: 'UNKNOWN_LEADER_EPOCH', isLeadership: true },
  78: { name: 'OFFSET_NOT_AVAILABLE' },
  79: { name: 'MEMBER_ID_REQUIRED' },
  87: { name: 'INVALID_RECORD', refusal: 'never' },
};

export const errorCodes = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  notLeader: 6,
  notCoordinator: 16,
  illegalGeneration: 22,
  unknownMember: 25,
  rebalanceInProgress: 27,
  topicAlreadyExists: 36,
  fetchSessionNotFound: 70,
  invalidFetchSessionEpoch: 71,
  memberIdRequired: 79,
} as const;

export const errorNameOf = (code: number): string => meanings[code]?.name ?? `error ${code}`;

export const isLeadershipError = (code: number): boolean => meanings[code]?.isLeadership === true;

export const faultReasonOf = (code: number): FaultReason => meanings[code]?.reason ?? 'unavailable';

/** The answer of a produce for one shard. `not-committed` is a closed list. */
export function appendOutcomeOf(code: number, baseOffset: bigint, tenure: string): AppendOutcome {
  if (code === errorCodes.none) {
    if (baseOffset < 0n) return { kind: 'unknown', reason: 'no base offset' };
    return { kind: 'committed', baseOffset, tenure };
  }
  const refusal = meanings[code]?.refusal;
  const reason = errorNameOf(code);
  if (refusal === undefined) return { kind: 'unknown', reason };
  return { kind: 'not-committed', reason, retryable: refusal === 'try-again' };
}

export function faultOf(code: number, what: string, effect: 'none' | 'unknown' = 'none'): Fault {
  return new Fault(faultReasonOf(code), `${what}: ${errorNameOf(code)}`, { effect });
}
