// Text that somebody else wrote, so that what it does is seen: characters that reorder, hide or control
// others are shown by their names.

/** All but tab and line feed of the controls, and what has no width or turns the direction of writing. */
const unseen =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Those that are met at all, as programmers call them. @type {ReadonlyMap<number, string>} */
const names = new Map([
  [0x00, 'NUL'],
  [0x07, 'BEL'],
  [0x08, 'BS'],
  [0x0c, 'FF'],
  [0x0d, 'CR'],
  [0x1b, 'ESC'],
  [0x7f, 'DEL'],
]);

/** @typedef {{ readonly text: string, readonly isMark: boolean }} Piece */

/**
 * What stands for an unseen character.
 * @param {string} char
 */
function nameOf(char) {
  const code = char.charCodeAt(0);
  const name = names.get(code);
  if (name !== undefined) return name;
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

/**
 * @param {string} text
 * @returns {Piece[]}
 */
export function visiblePieces(text) {
  /** @type {Piece[]} */
  const pieces = [];
  let at = 0;
  // Line ends of other systems are line ends.
  const plain = text.replaceAll('\r\n', '\n');
  for (const match of plain.matchAll(unseen)) {
    if (match.index > at) pieces.push({ text: plain.slice(at, match.index), isMark: false });
    pieces.push({ text: nameOf(match[0]), isMark: true });
    at = match.index + 1;
  }
  if (at < plain.length) pieces.push({ text: plain.slice(at), isMark: false });
  return pieces;
}

/**
 * For attributes and titles, where there are no elements.
 * @param {string} text
 */
export const visibleText = (text) =>
  visiblePieces(text)
    .map((piece) => (piece.isMark ? `[${piece.text}]` : piece.text))
    .join('');

/**
 * Cut where it is too long, never within a pair of surrogates.
 * @param {string} text
 * @param {number} charsMax
 */
export function cutText(text, charsMax) {
  if (text.length <= charsMax) return text;
  const code = text.charCodeAt(charsMax - 1);
  return text.slice(0, code >= 0xd800 && code <= 0xdbff ? charsMax - 1 : charsMax);
}
