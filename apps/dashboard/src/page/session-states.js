// What a session's row says of how it stands, in one word for people.

/** @typedef {Record<string, any>} Fields */

/** @type {Record<string, string>} */
const words = { running: 'running', rescheduling: 'recovering', terminated: 'ended' };

/** A session that runs and has written nothing for so long has lost its harness, or waits for a tool that hangs. */
const stuckMs = 10 * 60_000;

/**
 * @param {Fields} session as the list or the fleet has it
 * @param {number} [nowMs]
 * @returns {string} running, stuck, recovering, waiting, paused, failed, ended, archived or idle
 */
export function stateOf(session, nowMs = Date.now()) {
  if (session['archived_at'] !== null && session['archived_at'] !== undefined) return 'archived';
  if (session['error']) return 'failed';
  const isQuiet = nowMs - Date.parse(String(session['updated_at'])) > stuckMs;
  if (session['status'] === 'running' && isQuiet) return 'stuck';
  const word = words[session['status']];
  if (word !== undefined) return word;
  if ((session['pending_event_ids'] ?? []).length > 0) return 'waiting';
  return session['lifecycle']?.['state'] === 'paused' ? 'paused' : 'idle';
}

/** @param {Fields} session */
export const titleOf = (session) => String(session['title'] ?? session['id'] ?? '');

/** What the server says where nobody has said which agent it is. */
const unknownAgent = 'agent_unspecified';

/** @param {Fields} session */
export function agentOf({ agent }) {
  const name = String(agent?.['name'] ?? agent?.['id'] ?? '');
  return name === unknownAgent ? '' : name;
}
