// The lines of two texts beside each other, by their longest common subsequence.

/** @typedef {{ readonly kind: 'same' | 'old' | 'new', readonly text: string }} DiffLine */

/** Pairs of lines that are compared; beyond, everything old is shown before everything new. */
const pairsMax = 1_000_000;

/**
 * @param {string} text
 * @returns {string[]}
 */
const linesOf = (text) => (text === '' ? [] : text.split('\n'));

/**
 * @param {string} oldText
 * @param {string} newText
 * @returns {DiffLine[]}
 */
export function lineDiff(oldText, newText) {
  const [before, after] = [linesOf(oldText), linesOf(newText)];
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  const shared = Math.min(before.length, after.length) - head;
  while (tail < shared && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  return [
    ...before.slice(0, head).map((text) => line('same', text)),
    ...middleOf(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map((text) => line('same', text)),
  ];
}

/**
 * @param {DiffLine['kind']} kind
 * @param {string} text
 * @returns {DiffLine}
 */
const line = (kind, text) => ({ kind, text });

/**
 * @param {readonly string[]} before
 * @param {readonly string[]} after
 * @returns {DiffLine[]}
 */
function middleOf(before, after) {
  const isTooMuch = before.length * after.length > pairsMax;
  if (before.length === 0 || after.length === 0 || isTooMuch) {
    return [...before.map((text) => line('old', text)), ...after.map((text) => line('new', text))];
  }
  const width = after.length + 1;
  const lengths = lengthsOf(before, after);
  /** @type {DiffLine[]} */
  const lines = [];
  let [row, column] = [0, 0];
  while (row < before.length && column < after.length) {
    if (before[row] === after[column]) {
      lines.push(line('same', before[row] ?? ''));
      row += 1;
      column += 1;
    } else if (
      (lengths[(row + 1) * width + column] ?? 0) >= (lengths[row * width + column + 1] ?? 0)
    ) {
      lines.push(line('old', before[row] ?? ''));
      row += 1;
    } else {
      lines.push(line('new', after[column] ?? ''));
      column += 1;
    }
  }
  for (; row < before.length; row += 1) lines.push(line('old', before[row] ?? ''));
  for (; column < after.length; column += 1) lines.push(line('new', after[column] ?? ''));
  return lines;
}

/**
 * Of the longest common subsequence from each pair of places on.
 * @param {readonly string[]} before
 * @param {readonly string[]} after
 */
function lengthsOf(before, after) {
  const width = after.length + 1;
  const lengths = new Uint32Array((before.length + 1) * width);
  for (let row = before.length - 1; row >= 0; row -= 1) {
    for (let column = after.length - 1; column >= 0; column -= 1) {
      const at = row * width + column;
      lengths[at] =
        before[row] === after[column]
          ? 1 + (lengths[at + width + 1] ?? 0)
          : Math.max(lengths[at + width] ?? 0, lengths[at + 1] ?? 0);
    }
  }
  return lengths;
}
