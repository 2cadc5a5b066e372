// Names that are the same wherever they are made: of sessions, of threads, of events without an id.

import { createHash } from 'node:crypto';

export const digestOf = (text: string, chars = 16): string =>
  createHash('sha256').update(text).digest('hex').slice(0, chars);

const plain = /^[\w-]{1,64}$/;

/** What may stand in a name as it is; anything else by its digest. */
export const namePart = (text: string): string =>
  plain.test(text) ? text : `h${digestOf(text, 24)}`;

/** A project is the folder that Claude Code keeps its transcripts in. */
export const claudeSessionName = (project: string, session: string): string =>
  `claude-code.${digestOf(project, 12)}.${namePart(session)}`;

export const sourceSessionName = (format: string, session: string): string =>
  `${format}.${namePart(session)}`;

export const threadIdOf = (key: string): string => {
  if (/^sthr_[\w-]{1,64}$/.test(key)) return key;
  const name = key.replace(/^subagents\//, '');
  return `sthr_${plain.test(name) ? name : digestOf(key, 32)}`;
};

const typeChars = /[^\x21-\x7e]/g;

/** Of what a source keeps for itself: told, kept, and no part of the conversation. */
export const recordType = (type: unknown): string =>
  `system.record.${(typeof type === 'string' ? type : 'untyped')
    .replace(typeChars, '_')
    .slice(0, 100)}`;

const idCharsMax = 200;
const idChars = /^[\x20-\x7e]+$/;

/** An event's id from the one of its source. */
export const eventId = (format: string, id: string): string =>
  id.length <= idCharsMax && idChars.test(id) ? `${format}:${id}` : `${format}:${digestOf(id, 32)}`;

/** What stands between the event that it names and itself is taken back. */
export const rolledBackType = 'session.thread_rolled_back';

/** Ends the name of the fork that keeps a session as it was before that event. */
export const leftName = (id: string): string => `left.${digestOf(id, 12)}`;
