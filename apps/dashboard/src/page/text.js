// Texts of others on the page: isolated, so that none turns what stands around it, and cut where long.

import { passagesOf } from './event-text.js';
import { html } from './render.js';
import { cutText, visiblePieces } from './visible-text.js';

/** Of a long text, so much more is shown at each wish: a page stays alive with any. */
export const shownFirst = 3_000;
export const shownMore = 64 * 1024;

/** @param {readonly string[]} words */
function patternOf(words) {
  const escaped = words.map((word) =>
    // What stands between the words of a phrase is no matter.
    word.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&').replace(/\s+/g, '[^\\p{L}\\p{N}]+'),
  );
  return escaped.length === 0 ? undefined : new RegExp(`(${escaped.join('|')})`, 'giu');
}

/**
 * @param {string} text
 * @param {RegExp | undefined} pattern
 */
const marked = (text, pattern) =>
  pattern === undefined
    ? text
    : text
        .split(pattern)
        .map((part, index) => (index % 2 === 1 ? html`<mark>${part}</mark>` : part));

/** @param {{ text: string, words?: readonly string[] }} props */
export function Text({ text, words = [] }) {
  const pattern = patternOf(words);
  const pieces = visiblePieces(text).map((piece) =>
    piece.isMark
      ? html`<span class="unseen" title="a character that is not seen">${piece.text}</span>`
      : marked(piece.text, pattern),
  );
  return html`<bdi dir="auto">${pieces}</bdi>`;
}

/**
 * @param {{ text: string, words?: readonly string[], shown: number, onMore: () => void, isCode?: boolean }} props
 */
export function LongText({ text, words, shown, onMore, isCode = false }) {
  const visible = cutText(text, shown);
  const rest = text.length - visible.length;
  const passages = isCode ? [{ kind: 'code', text: visible }] : passagesOf(visible);
  return html`
    ${passages.map(({ kind, text: passage }) =>
      kind === 'code'
        ? html`<pre class="code"><${Text} text=${passage} words=${words} /></pre>`
        : html`<p class="prose"><${Text} text=${passage} words=${words} /></p>`,
    )}
    ${
      rest > 0 &&
      html`<button type="button" class="link more" onClick=${onMore}>
        show more: ${rest.toLocaleString('en')} characters
      </button>`
    }
  `;
}

/**
 * Where the server has marked what was found.
 * @param {{ text: string, highlights: readonly (readonly [number, number])[] }} props
 */
export function Snippet({ text, highlights }) {
  /** @type {any[]} */
  const parts = [];
  let at = 0;
  for (const [start, end] of highlights) {
    if (start < at) continue;
    parts.push(html`<${Text} text=${text.slice(at, start)} />`);
    parts.push(html`<mark><${Text} text=${text.slice(start, end)} /></mark>`);
    at = end;
  }
  parts.push(html`<${Text} text=${text.slice(at)} />`);
  return html`<span class="snippet">${parts}</span>`;
}

/** @param {{ state: string }} props */
export const StateMark = ({ state }) =>
  html`<span class="state state-${state}"><i aria-hidden="true"></i>${state}</span>`;
