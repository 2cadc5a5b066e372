// What is published of a session, for whoever has no fold of its log.

import { absentSession, type SessionState } from '@tidemark/session';
import { decodeSession } from './stored-session.ts';
import { ownTopicPrefix } from './tenants.ts';

export interface Owner {
  readonly tenant: string;
  readonly name: string;
}

/** Whose session a key of a topic names. */
export function ownerIn(topic: string, key: string): Owner {
  if (topic.startsWith(ownTopicPrefix)) {
    return { tenant: topic.slice(ownTopicPrefix.length), name: key };
  }
  const slash = key.indexOf('/');
  return { tenant: key.slice(0, Math.max(0, slash)), name: key.slice(slash + 1) };
}

/** Undefined where it does not decode. */
export const publishedState = (
  { tenant, name }: Owner,
  bytes: Uint8Array,
): SessionState | undefined => decodeSession(absentSession(tenant, name), bytes)?.state;
