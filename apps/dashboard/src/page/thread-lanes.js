// The threads of a session, a lane each: from where it was made to where it was last heard of, and where it
// called a tool. So many at most are drawn; who has more sees the first ones.

/** @typedef {Record<string, any>} Fields */
/** @typedef {{ id: string, name: string, firstSeq: number, lastSeq: number, isOver: boolean, calls: number[] }} Lane */

export const threadTypes = [
  'session.thread_created',
  'session.thread_status_running',
  'session.thread_status_idle',
  'session.thread_status_rescheduled',
  'session.thread_status_terminated',
];

const lanesMax = 8;
const callsMax = 2_000;

export class ThreadLanes {
  /** @type {Map<string, Lane>} */
  #byId = new Map();

  /** Those of the first threads. @returns {Lane[]} */
  get lanes() {
    return [...this.#byId.values()]
      .sort((one, other) => one.firstSeq - other.firstSeq)
      .slice(0, lanesMax);
  }

  /**
   * In any order, and more than once.
   * @param {number} seq
   * @param {Fields} event
   */
  take(seq, event) {
    const id = event['session_thread_id'];
    if (typeof id !== 'string') return;
    const lane = this.#byId.get(id) ?? {
      id,
      name: '',
      firstSeq: seq,
      lastSeq: seq,
      isOver: false,
      calls: [],
    };
    this.#byId.set(id, lane);
    if (typeof event['agent_name'] === 'string') lane.name = event['agent_name'];
    lane.firstSeq = Math.min(lane.firstSeq, seq);
    if (seq >= lane.lastSeq) {
      lane.lastSeq = seq;
      const { type } = event;
      lane.isOver =
        type === 'session.thread_status_idle' || type === 'session.thread_status_terminated';
    }
    const isCall = String(event['type']).endsWith('tool_use') && !lane.calls.includes(seq);
    if (isCall && lane.calls.length < callsMax) lane.calls.push(seq);
  }
}
