// The session on one line, all of it or a stretch: who spoke, what failed, where one is; below it a lane a thread.
// A click goes there.

import { useEffect, useRef } from 'preact/hooks';
import { MapBar, MapButtons, MapWords } from './map-controls.js';
import { seqAt } from './map-zoom.js';
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
  const { map, window } = model;
  const { first, last } = model.view.value;
  const found = model.find.value.seqs;
  const { lanes } = model.threads;
  const height = lineHeight + lanes.length * laneHeight;
  const stretch = map.stretchOf(window);
  const draw = () => {
    if (place.current !== null)
      drawMap(place.current, model, { first, last, found, lanes, height, stretch });
  };
  useEffect(draw);
  useEffect(() => map.reveal(window, { first, last }, model.isFollowing.value), [first, last]);
  useEffect(() => {
    const canvas = place.current;
    if (canvas === null) return undefined;
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const observer = new ResizeObserver(() => model.draw());
    observer.observe(canvas);
    const redraw = () => model.draw();
    const turn = (/** @type {WheelEvent} */ event) => takeWheel(model, event);
    scheme.addEventListener('change', redraw);
    // Else a browser zooms its page.
    canvas.addEventListener('wheel', turn, { passive: false });
    return () => {
      observer.disconnect();
      scheme.removeEventListener('change', redraw);
      canvas.removeEventListener('wheel', turn);
    };
  }, []);
  /** @param {PointerEvent} event */
  const go = (event) => void model.show(seqAt(map.stretchOf(window), shareOf(event)));
  // The slider above goes anywhere by keyboard, and the bar below moves what is shown.
  return html`
    <div class="map">
      <canvas id="session-map" class="minimap" ref=${place} aria-hidden="true" style=${{ height: `${height}px` }} onPointerDown=${go}></canvas>
      <${MapButtons} model=${model} />
      <${MapBar} model=${model} />
      <${MapWords} model=${model} />
    </div>
  `;
}

/** Of the width, where the pointer is. @param {MouseEvent} event */
function shareOf(event) {
  const { left, width } = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
  return Math.max(0, Math.min(1, (event.clientX - left) / width));
}

/** A notch of a wheel that counts lines, in pixels. */
const linePixels = 33;
/** So far a wheel turns until what is shown is twice as long. */
const doublePixels = 100;

/**
 * With Ctrl, as a pinch is told as well, closer and farther; across, or with Shift, along.
 * @param {SessionModel} model
 * @param {WheelEvent} event
 */
function takeWheel({ map, window }, event) {
  const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? linePixels : 1;
  const stretch = map.stretchOf(window);
  const span = stretch.to - stretch.from;
  const across = (event.shiftKey ? event.deltaY || event.deltaX : event.deltaX) * unit;
  if (event.ctrlKey || event.metaKey) {
    const turned = Math.max(-1, Math.min(1, (event.deltaY * unit) / doublePixels));
    map.zoom(window, { factor: 2 ** turned, at: stretch.from + shareOf(event) * span });
  } else if (across !== 0 && !map.isWhole) {
    const { clientWidth } = /** @type {HTMLElement} */ (event.currentTarget);
    map.move(window, Math.round((across / clientWidth) * span) || Math.sign(across));
  } else {
    return;
  }
  event.preventDefault();
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {SessionModel} model
 * @param {{ first: number, last: number, found: readonly number[], lanes: readonly import('./thread-lanes.js').Lane[], height: number, stretch: import('./map-zoom.js').Stretch }} shown
 */
function drawMap(canvas, model, { first, last, found, lanes, height, stretch }) {
  const { window, marks } = model;
  const width = canvas.clientWidth;
  const scale = devicePixelRatio;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d');
  const { from, to } = stretch;
  if (context === null || from === to) return;
  context.scale(scale, scale);
  const placeOf = (/** @type {number} */ seq) => ((seq - from) / (to - from)) * width;
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
  const markWide = Math.max(markPixels.least, Math.min(placeOf(from + 1) - 1, markPixels.most));
  const shown = [...marks].filter(([seq]) => seq >= from && seq < to);
  const isCrowded = shown.length * 4 > width;
  for (const [seq, kind] of shown) {
    if (kind === 'user') context.fillRect(placeOf(seq), 2, isCrowded ? 0.5 : markWide, 8);
  }
  context.fillStyle = colorOf('--find');
  for (const seq of found) context.fillRect(placeOf(seq), 12, markWide, 5);
  context.fillStyle = colorOf('--bad');
  for (const [seq, kind] of shown)
    if (kind === 'error') context.fillRect(placeOf(seq), 19, markWide, 8);
  for (const row of window.transcript.rows) {
    if (isFailed(row)) context.fillRect(placeOf(row.resultSeq ?? row.seq), 19, markWide, 8);
  }
  for (const [index, lane] of lanes.entries()) {
    drawLane(context, lane, { top: lineHeight + index * laneHeight, placeOf });
  }
  if (first >= to || last < from) return;
  context.strokeStyle = colorOf('--text');
  const left = placeOf(first);
  const wide = Math.max(4, placeOf(last + 1) - left);
  context.strokeRect(Math.min(left, width - wide) + 0.5, 0.5, wide - 1, height - 1);
}

/** As wide as their events, where these are: a mark is seen, and is a mark. */
const markPixels = { least: 2, most: 10 };

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
