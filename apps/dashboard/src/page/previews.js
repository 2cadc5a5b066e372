// What an agent is writing now, as it writes it: told while it is followed, and kept nowhere.

import { sessionPath } from './api.js';

/** @typedef {Record<string, any>} Fields */

const backoffMs = { first: 1_000, max: 30_000 };
/** No event is of this type: of the stream only previews are wanted, events come by the socket. */
const query = 'types[]=none&event_deltas[]=agent.message&event_deltas[]=agent.thinking';

/** The data of server-sent events, from a text that comes in pieces. */
export class SseReader {
  #rest = '';

  /**
   * @param {string} piece
   * @returns {string[]}
   */
  feed(piece) {
    const frames = (this.#rest + piece).split('\n\n');
    this.#rest = frames.pop() ?? '';
    return frames.flatMap((frame) => {
      const lines = frame.split('\n').filter((line) => line.startsWith('data:'));
      return lines.length === 0 ? [] : [lines.map((line) => line.slice(5).trimStart()).join('\n')];
    });
  }
}

/** Texts that grow, by the event that they will be. */
export class Previews {
  /** @type {Map<string, { id: string, type: string, text: string }>} */
  byId = new Map();

  /**
   * @param {Fields} frame
   * @returns {boolean} whether anything changed
   */
  take(frame) {
    if (frame['type'] === 'event_start') {
      const { id, type } = frame['event'] ?? {};
      this.byId.set(String(id), { id: String(id), type: String(type), text: '' });
      return true;
    }
    const known = this.byId.get(String(frame['event_id']));
    const content = frame['delta']?.['content'];
    const more = content?.['text'] ?? content?.['thinking'];
    if (frame['type'] !== 'event_delta' || known === undefined || typeof more !== 'string') {
      return false;
    }
    known.text += more;
    return true;
  }

  /**
   * An event is told by itself; whatever of its kind was being written is over.
   * @param {Fields} event
   */
  settle({ id, type }) {
    this.byId.delete(String(id));
    const isEnd = type === 'session.status_idle' || type === 'session.error';
    for (const preview of this.byId.values()) {
      if (isEnd || preview.type === type) this.byId.delete(preview.id);
    }
  }
}

/**
 * @param {import('./api.js').Api} api
 * @param {string} name
 * @param {(frame: Fields) => void} onFrame
 * @returns {() => void} ends it
 */
export function followPreviews(api, name, onFrame) {
  const ending = new AbortController();
  const { signal } = ending;
  const read = async () => {
    const answer = await api.ask(`${sessionPath(name)}/events/stream?${query}`, { signal });
    const reader = new SseReader();
    const decoder = new TextDecoder();
    const pieces = answer.body?.getReader();
    for (;;) {
      const { value, done } = (await pieces?.read()) ?? { value: undefined, done: true };
      if (done || value === undefined) return;
      for (const data of reader.feed(decoder.decode(value, { stream: true }))) {
        onFrame(JSON.parse(data));
      }
    }
  };
  const follow = async () => {
    for (let losses = 0; !signal.aborted && losses < 8; losses += 1) {
      await read().catch(() => undefined);
      const waitMs = Math.min(backoffMs.max, backoffMs.first * 2 ** losses) * Math.random();
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  };
  void follow();
  return () => ending.abort();
}
