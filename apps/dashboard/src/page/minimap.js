// The whole session on one line: who spoke, what failed, where one is; below it a lane a thread. A click goes
// there.

import { useEffect, useRef } from 'preact/hooks';
import { html } from './render.js';
import { isFailed } from './transcript.js';

/** @typedef {import('./session-model.js').SessionModel} SessionModel */

const lineHeight = 30;
const laneHeight = 6;

/** @param {string} name */
const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** @param {{ model: SessionModel }} props */
export function Minimap({ model }) {
  /** @type {{ current: HTMLCanvasElement | null }} */
  const place = useRef(null);
  model.watch();
  const { first, last } = model.view.value;
  const found = model.find.value.seqs;
  const { lanes } = model.threads;
  const height = lineHeight + lanes.length * laneHeight;
  const draw = () => {
    if (place.current !== null)
      drawMap(place.current, model, { first, last, found, lanes, height });
  };
  useEffect(draw);
  useEffect(() => {
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const observer = new ResizeObserver(() => model.draw());
    if (place.current !== null) observer.observe(place.current);
    const redraw = () => model.draw();
    scheme.addEventListener('change', redraw);
    return () => {
      observer.disconnect();
      scheme.removeEventListener('change', redraw);
    };
  }, []);
  /** @param {PointerEvent} event */
  const go = (event) => {
    const { left, width } = /** @type {HTMLElement} */ (
      event.currentTarget
    ).getBoundingClientRect();
    const share = Math.max(0, Math.min(1, (event.clientX - left) / width));
    const { headSeq, tailSeq } = model.window;
    void model.show(headSeq + Math.floor(share * (tailSeq - headSeq)));
  };
  // The slider beside it does the same by keyboard.
  return html`<canvas class="minimap" ref=${place} aria-hidden="true" style=${{ height: `${height}px` }} onPointerDown=${go}></canvas>`;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {SessionModel} model
 * @param {{ first: number, last: number, found: readonly number[], lanes: readonly import('./thread-lanes.js').Lane[], height: number }} shown
 */
function drawMap(canvas, model, { first, last, found, lanes, height }) {
  const { window, marks } = model;
  const width = canvas.clientWidth;
  const scale = devicePixelRatio;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d');
  const { headSeq, tailSeq } = window;
  if (context === null || tailSeq === headSeq) return;
  context.scale(scale, scale);
  const placeOf = (/** @type {number} */ seq) => ((seq - headSeq) / (tailSeq - headSeq)) * width;
  /** @type {(seq: number, end: number, lane: { top: number, tall: number }) => void} */
  const box = (seq, end, { top, tall }) =>
    context.fillRect(placeOf(seq), top, Math.max(1, placeOf(end) - placeOf(seq)), tall);
  context.fillStyle = colorOf('--line');
  context.fillRect(0, lineHeight - 1, width, 1);
  context.fillStyle = colorOf('--loaded');
  box(window.firstSeq, window.endSeq, { top: 0, tall: lineHeight - 1 });
  context.fillStyle = colorOf('--tick');
  drawCalls(window, box);
  context.fillStyle = colorOf('--accent');
  const markWide = marks.size * 4 > width ? 0.5 : 2;
  for (const [seq, kind] of marks) {
    if (kind === 'user') context.fillRect(placeOf(seq), 2, markWide, 8);
  }
  context.fillStyle = colorOf('--find');
  for (const seq of found) context.fillRect(placeOf(seq), 12, 2, 5);
  context.fillStyle = colorOf('--bad');
  for (const [seq, kind] of marks) if (kind === 'error') context.fillRect(placeOf(seq), 19, 2, 8);
  for (const row of window.transcript.rows) {
    if (isFailed(row)) context.fillRect(placeOf(row.resultSeq ?? row.seq), 19, 2, 8);
  }
  for (const [index, lane] of lanes.entries()) {
    drawLane(context, lane, { top: lineHeight + index * laneHeight, placeOf });
  }
  context.strokeStyle = colorOf('--text');
  const left = placeOf(first);
  const wide = Math.max(4, placeOf(last + 1) - left);
  context.strokeRect(Math.min(left, width - wide) + 0.5, 0.5, wide - 1, height - 1);
}

/**
 * Tool calls of what is loaded, as long as they took in events.
 * @param {import('./event-window.js').EventWindow} window
 * @param {(seq: number, end: number, lane: { top: number, tall: number }) => void} box
 */
function drawCalls({ transcript }, box) {
  for (const { kind, seq, resultSeq = seq } of transcript.rows) {
    if (kind === 'tool') box(seq, resultSeq + 1, { top: 12, tall: 5 });
  }
}

/**
 * A thread: thin while nobody has heard that it is over, with its calls on it.
 * @param {CanvasRenderingContext2D} context
 * @param {import('./thread-lanes.js').Lane} lane
 * @param {{ top: number, placeOf: (seq: number) => number }} place
 */
function drawLane(context, { firstSeq, lastSeq, isOver, calls }, { top, placeOf }) {
  const left = placeOf(firstSeq);
  context.fillStyle = colorOf(isOver ? '--tick' : '--good');
  context.fillRect(left, top + 2, Math.max(3, placeOf(lastSeq + 1) - left), 2);
  context.fillStyle = colorOf('--accent');
  for (const seq of calls) context.fillRect(placeOf(seq), top + 1, 2, 4);
}
