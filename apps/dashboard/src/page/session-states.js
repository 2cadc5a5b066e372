// What a session's row says of how it stands, in one word for people.

/** @typedef {Record<string, any>} Fields */

/** @type {Record<string, string>} */
const words = { running: 'running', rescheduling: 'recovering', terminated: 'ended' };

/**
 * @param {Fields} session as the list or the fleet has it
 * @returns {string} running, recovering, waiting, paused, failed, ended, archived or idle
 */
export function stateOf(session) {
  if (session['archived_at'] !== null && session['archived_at'] !== undefined) return 'archived';
  if (session['error']) return 'failed';
  const word = words[session['status']];
  if (word !== undefined) return word;
  if ((session['pending_event_ids'] ?? []).length > 0) return 'waiting';
  return session['lifecycle']?.['state'] === 'paused' ? 'paused' : 'idle';
}

/** @param {Fields} session */
export const titleOf = (session) => String(session['title'] ?? session['id'] ?? '');

/** @param {Fields} session */
export const agentOf = (session) =>
  String(session['agent']?.['name'] ?? session['agent']?.['id'] ?? '');
