import { html } from './render.js';

const width = 96;
const height = 18;

/** Counts as bars, the highest as high as there is room. @param {{ counts: readonly number[] }} props */
export function Sparkline({ counts }) {
  const most = Math.max(1, ...counts);
  const sum = counts.reduce((total, count) => total + count, 0);
  const wide = width / Math.max(1, counts.length);
  const bars = counts.map((count, index) => {
    const tall = Math.max(2, (count / most) * height);
    return count === 0
      ? null
      : html`<rect key=${index} x=${index * wide} y=${height - tall} width=${wide - 1} height=${tall} />`;
  });
  return html`
    <svg class="sparkline" viewBox="0 0 ${width} ${height}" role="img" aria-label="${sum} events in the last two minutes">${bars}</svg>
  `;
}
