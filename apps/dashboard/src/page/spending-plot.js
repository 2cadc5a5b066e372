import { money, shortCount } from './formats.js';
import { html } from './render.js';

/** @typedef {import('./as-of.js').Standing} Standing */

const width = 360;
const height = 64;

/**
 * What a session had used, event by event, against what it may.
 * @param {{ name: string, standings: readonly Standing[], tailSeq: number, valueOf: (standing: Standing) => number, max: number | undefined, isMoney?: boolean }} props
 */
export function SpendingPlot({ name, standings, tailSeq, valueOf, max, isMoney = false }) {
  const used = valueOf(standings.at(-1) ?? /** @type {any} */ ({}));
  if (!Number.isFinite(used) || used === 0) return null;
  const most = Math.max(used, max !== undefined && max < used * 20 ? max : 0);
  const x = (/** @type {number} */ seq) => ((seq / Math.max(1, tailSeq)) * width).toFixed(1);
  const y = (/** @type {number} */ value) => (height - (value / most) * (height - 4)).toFixed(1);
  // Steps: what is used stays so until more is.
  let line = `M0 ${height}`;
  for (const standing of standings) line += `H${x(standing.seq)}V${y(valueOf(standing) || 0)}`;
  line += `H${width}`;
  const words = (/** @type {number} */ value) =>
    isMoney ? money({ amount: value, currency: 'USD' }) : shortCount(value);
  const limit = max === undefined ? '' : ` of ${words(max)}`;
  return html`
    <figure class="spending">
      <figcaption>${name}<span>${words(used)}${limit}</span></figcaption>
      <svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${name} over the session: ${words(used)}${limit}">
        <path class="area" d="${line}V${height}Z" />
        <path class="line" d=${line} />
        ${most === max && html`<path class="limit" d="M0 ${y(most)}H${width}" />`}
      </svg>
    </figure>
  `;
}
