// What a client sends over the live socket, one JSON object a message, told apart by `type`:
//
//   hello   token?                                            first, where the socket was opened without one
//   sub     ref, session, after?, types?, credit?             one session; after: 'start', 'now' or a cursor
//   sub     ref, fleet: true, statuses?                       state changes of all sessions
//   sub     ref, counters: true                               what the tenant does, once a second
//   credit  ch, bytes                                         cumulative: so many bytes may have been sent
//   unsub   ch
//   append  ref, session, events
//   renew   ref, token
//   ping    ref                                               a sign of life, where nothing else is heard
//
// `ref` is the client's own, and comes back with the answer.

import {
  type Fields,
  isFields,
  malformed,
  parseListed,
  type SentEvents,
} from '@tidemark/sessions-api';
import { bytesOf } from '@tidemark/std';

export interface SubscribeSession {
  readonly kind: 'session';
  readonly ref: string;
  readonly session: string;
  readonly after: string;
  readonly types: readonly string[];
  /** Bytes that may be sent before more credit comes. */
  readonly credit: number;
}

export type ClientMessage =
  | { readonly kind: 'hello'; readonly token: string | undefined }
  | SubscribeSession
  | { readonly kind: 'fleet'; readonly ref: string }
  | { readonly kind: 'counters'; readonly ref: string }
  | { readonly kind: 'credit'; readonly channel: number; readonly bytes: number }
  | { readonly kind: 'unsub'; readonly channel: number }
  | {
      readonly kind: 'append';
      readonly ref: string;
      readonly session: string;
      readonly sent: SentEvents;
    }
  | { readonly kind: 'renew'; readonly ref: string; readonly token: string }
  | { readonly kind: 'ping'; readonly ref: string };

/** Where nothing is said of credit: about what a page shows at once. */
const creditDefault = 1_024 * 1_024;

const textIn = (fields: Fields, name: string): string => {
  const value = fields[name];
  if (typeof value === 'string' && value !== '' && value.length <= 2_048) return value;
  throw malformed(`${name} is text`);
};

const countIn = (fields: Fields, name: string): number => {
  const value = fields[name];
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw malformed(`${name} is a whole number from 0 on`);
};

const textsIn = (fields: Fields, name: string): readonly string[] => {
  const value = fields[name] ?? [];
  const isList = Array.isArray(value) && value.every((each) => typeof each === 'string');
  if (!isList) throw malformed(`${name} is a list of texts`);
  return value as readonly string[];
};

/** Throws a Problem where it is none of these. */
export function parseMessage(text: string): ClientMessage {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch (cause) {
    throw malformed(`a message is JSON: ${String((cause as Error).message)}`);
  }
  if (!isFields(fields)) throw malformed('a message is an object');
  switch (fields['type']) {
    case 'hello': {
      const { token } = fields;
      return { kind: 'hello', token: typeof token === 'string' ? token : undefined };
    }
    case 'sub':
      return subscribeOf(fields);
    case 'credit':
      return { kind: 'credit', channel: countIn(fields, 'ch'), bytes: countIn(fields, 'bytes') };
    case 'unsub':
      return { kind: 'unsub', channel: countIn(fields, 'ch') };
    case 'append': {
      if (!Array.isArray(fields['events'])) throw malformed('events is a list');
      return {
        kind: 'append',
        ref: textIn(fields, 'ref'),
        session: textIn(fields, 'session'),
        sent: parseListed(bytesOf(text), 'events'),
      };
    }
    case 'renew':
      return { kind: 'renew', ref: textIn(fields, 'ref'), token: textIn(fields, 'token') };
    case 'ping':
      return { kind: 'ping', ref: textIn(fields, 'ref') };
    default:
      throw malformed('type is hello, sub, credit, unsub, append, renew or ping');
  }
}

function subscribeOf(fields: Fields): ClientMessage {
  const ref = textIn(fields, 'ref');
  if (fields['fleet'] === true) return { kind: 'fleet', ref };
  if (fields['counters'] === true) return { kind: 'counters', ref };
  return {
    kind: 'session',
    ref,
    session: textIn(fields, 'session'),
    after: fields['after'] === undefined ? 'now' : textIn(fields, 'after'),
    types: textsIn(fields, 'types'),
    credit: fields['credit'] === undefined ? creditDefault : countIn(fields, 'credit'),
  };
}

/** The reference of a message that is otherwise nothing, so that its sender learns which it was. */
export function refIn(text: string): string | undefined {
  try {
    const fields: unknown = JSON.parse(text);
    return isFields(fields) && typeof fields['ref'] === 'string' ? fields['ref'] : undefined;
  } catch {
    return undefined;
  }
}
