import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { shortCount } from './formats.js';
import { html } from './render.js';

/** @param {string} name */
const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const height = 132;
/** A span of two minutes, also before there are so many points: the line grows into it. */
const spanSeconds = 120;

/**
 * @param {string} unit
 * @returns {Omit<uPlot.Options, 'width'>}
 */
const optionsOf = (unit) => ({
  height,
  legend: { show: false },
  cursor: { y: false, points: { size: 6 } },
  padding: [8, 28, 0, 0],
  scales: {
    x: { range: (_plot, _min, max) => [max - spanSeconds, max] },
    y: { range: (_plot, _min, max) => [0, Math.max(max * 1.15, 4)] },
  },
  axes: [
    {
      stroke: colorOf('--faint'),
      grid: { show: false },
      ticks: { show: false },
      size: 24,
      space: 90,
      font: '11px system-ui, sans-serif',
      values: (_plot, ticks) =>
        ticks.map((tick) => new Date(tick * 1_000).toTimeString().slice(0, 8)),
    },
    {
      stroke: colorOf('--faint'),
      grid: { stroke: colorOf('--line'), width: 1 },
      ticks: { show: false },
      size: 52,
      space: 34,
      font: '11px system-ui, sans-serif',
      values: (_plot, ticks) => ticks.map((tick) => `${shortCount(tick)}${unit}`),
    },
  ],
  series: [
    {},
    {
      stroke: colorOf('--accent'),
      width: 1.5,
      fill: colorOf('--accent-wash'),
      points: { show: false },
    },
  ],
});

/** @param {{ title: string, unit: string, times: readonly number[], values: readonly number[], turn: number }} props */
export function CountersPlot({ title, unit, times, values, turn }) {
  /** @type {{ current: HTMLElement | null }} */
  const place = useRef(null);
  /** @type {{ current: uPlot | null }} */
  const plot = useRef(null);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const draw = () => {
      plot.current?.destroy();
      const width = element.clientWidth;
      plot.current = new uPlot({ width, ...optionsOf(unit) }, [[...times], [...values]], element);
    };
    draw();
    const observer = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height }),
    );
    observer.observe(element);
    scheme.addEventListener('change', draw);
    return () => {
      observer.disconnect();
      scheme.removeEventListener('change', draw);
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => {
    plot.current?.setData([[...times], [...values]]);
  }, [turn]);
  const last = values.at(-1);
  return html`
    <figure class="plot">
      <figcaption>
        <span>${title}</span>
        <strong>${last === undefined ? '–' : `${shortCount(last)}${unit}`}</strong>
      </figcaption>
      <div ref=${place} role="img" aria-label="${title}, the last two minutes"></div>
    </figure>
  `;
}
