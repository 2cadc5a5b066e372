// A session, or a piece of it, to take along.

import { eventMarkdown } from './event-text.js';

/** @typedef {import('./session-model.js').SessionModel} SessionModel */

/** @param {string} text */
export const copyText = (text) => navigator.clipboard.writeText(text);

/** @param {SessionModel} model */
export const loadedJson = ({ window }) => JSON.stringify(window.events, undefined, 2);

/** @param {SessionModel} model */
export const loadedMarkdown = ({ window, name }) =>
  `# ${name}\n\n${window.events.map(eventMarkdown).join('\n')}`;

/**
 * All events, a line each, page by page.
 * @param {SessionModel} model
 */
export async function downloadSession({ api, path, name }) {
  /** @type {string[]} */
  const pieces = [];
  let page = null;
  do {
    /** @type {Record<string, any>} */
    const answer = await api.json(
      `${path}/events?limit=1000${page === null ? '' : `&page=${encodeURIComponent(page)}`}`,
    );
    pieces.push(
      answer['data'].map((/** @type {unknown} */ event) => `${JSON.stringify(event)}\n`).join(''),
    );
    page = answer['next_page'];
  } while (page !== null);
  const url = URL.createObjectURL(new Blob(pieces, { type: 'application/x-ndjson' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${name.replace(/[^\w.-]+/g, '_')}.ndjson`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
