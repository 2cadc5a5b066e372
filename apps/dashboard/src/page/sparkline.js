import { counted, dateTime, duration } from './formats.js';
import { html } from './render.js';

const width = 96;
const height = 18;
/** As many as the server tells: the younger a session, the fewer. */
const spansMax = 32;

/**
 * Counts as bars of one width, the highest as high as there is room.
 * @param {{ counts: readonly number[], slots: number, span: string, className?: string }} props
 */
export function Sparkline({ counts, slots, span, className = '' }) {
  const most = Math.max(1, ...counts);
  const sum = counts.reduce((total, count) => total + count, 0);
  const label = `${counted(sum, 'event')} ${span}`;
  const wide = width / slots;
  const bars = counts.map((count, index) => {
    const tall = Math.max(2, (count / most) * height);
    return count === 0
      ? null
      : html`<rect key=${index} x=${index * wide} y=${height - tall} width=${wide - 1} height=${tall} />`;
  });
  return html`
    <svg class="sparkline ${className}" viewBox="0 0 ${width} ${height}" role="img" aria-label=${label}><title>${label}</title>${bars}</svg>
  `;
}

/**
 * All that a session has written, from its first event to its last.
 * @param {{ times: { from: string, span_seconds: number, counts: readonly number[] } | null | undefined }} props
 */
export function PastSparkline({ times }) {
  if (!times) return html`<${Sparkline} counts=${[]} slots=${spansMax} span="of its own" />`;
  const { from, span_seconds: seconds, counts } = times;
  const span = `since ${dateTime(from)}, a bar is ${duration(seconds * 1_000)}`;
  return html`<${Sparkline} counts=${counts} slots=${spansMax} span=${span} className="past" />`;
}
