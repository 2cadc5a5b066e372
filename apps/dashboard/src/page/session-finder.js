// What the server finds in one session, in the order in which it stands there.

import { sessionPath } from './api.js';

/** @typedef {Record<string, any>} Fields */

const hitsPage = 100;
const hitsMax = 500;

/** @typedef {{ readonly seqs: number[], readonly words: string[], readonly hasMore: boolean }} Found */

/** Several words that ask for nothing else are meant in this order. @param {string} text */
const isPhrase = (text) => /\s/.test(text) && !/["*:+]|(^|\s)-|\b(AND|OR|NOT)\b/.test(text);

/**
 * As it stands there; where that is nowhere, any of its words.
 * @param {import('./api.js').Api} api
 * @param {string} name
 * @param {string} text
 * @returns {Promise<Found>}
 */
export async function findInSession(api, name, text) {
  if (isPhrase(text)) {
    const found = await find(api, name, `"${text}"`);
    if (found.seqs.length > 0) return { ...found, words: [text] };
  }
  return { ...(await find(api, name, text)), words: wordsIn(text) };
}

/**
 * @param {import('./api.js').Api} api
 * @param {string} name
 * @param {string} q
 */
async function find(api, name, q) {
  /** @type {Set<number>} */
  const seqs = new Set();
  let page = null;
  do {
    const query = new URLSearchParams({ q, limit: String(hitsPage) });
    if (page !== null) query.set('page', page);
    /** @type {Fields} */
    const answer = await api.json(`${sessionPath(name)}/events?${query}`);
    for (const { seq } of answer['hits']) seqs.add(seq);
    page = answer['next_page'];
  } while (page !== null && seqs.size < hitsMax);
  return { seqs: [...seqs].sort((one, other) => one - other), hasMore: page !== null };
}

/**
 * What is marked in the texts: the words, as they are written.
 * @param {string} text
 */
export const wordsIn = (text) =>
  text
    .split(/[^\p{L}\p{N}_]+/u)
    .filter((word) => word.length > 1)
    .slice(0, 12);
