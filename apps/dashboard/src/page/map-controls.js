// Beside the map: closer and farther, and where in the session the stretch lies that it shows.

import { useRef } from 'preact/hooks';
import { stretchMin } from './map-zoom.js';
import { html } from './render.js';
import { placeNow } from './session-tools.js';

/** @typedef {import('./session-model.js').SessionModel} SessionModel */

const step = 2;

/** @type {Record<string, (model: SessionModel) => void>} */
export const mapKeys = {
  '+': (model) => zoomHere(model, 1 / step),
  '=': (model) => zoomHere(model, 1 / step),
  '-': (model) => zoomHere(model, step),
  0: ({ map }) => map.showAll(),
};

/**
 * Around where one is, so that that stays in view.
 * @param {SessionModel} model
 * @param {number} factor
 */
function zoomHere(model, factor) {
  const { map, window } = model;
  const { from, to } = map.stretchOf(window);
  const place = placeNow(model);
  const at = place >= from && place < to ? place : (from + to) / 2;
  map.zoom(window, { factor, at });
}

/** @param {{ model: SessionModel }} props */
export function MapButtons({ model }) {
  const { map, window } = model;
  const { from, to } = map.stretchOf(window);
  const isClosest = to - from <= stretchMin;
  return html`
    <div class="map-buttons" role="group" aria-label="Zoom of the line">
      <button type="button" class="quiet" aria-label="Zoom out" title="zoom out   -" disabled=${map.isWhole} onClick=${() => zoomHere(model, step)}>−</button>
      <button type="button" class="quiet" aria-label="Zoom in" title="zoom in   +, or the wheel with Ctrl" disabled=${isClosest} onClick=${() => zoomHere(model, 1 / step)}>+</button>
      <button type="button" class="quiet" aria-label="Show all of the session" title="all   0" disabled=${map.isWhole} onClick=${() => map.showAll()}>All</button>
    </div>
  `;
}

/**
 * Where the stretch lies in the session. It is one scroll bar for those who see it and for those who hear it.
 * @param {{ model: SessionModel }} props
 */
export function MapBar({ model }) {
  const { map, window } = model;
  /** Where the pointer took hold of it, and what was shown then. @type {{ current: { x: number, from: number } | undefined }} */
  const hold = useRef(undefined);
  const { from, to } = map.stretchOf(window);
  const { headSeq, tailSeq } = window;
  if (map.isWhole) return html`<div class="map-bar is-whole"></div>`;
  const all = tailSeq - headSeq;
  const span = to - from;
  /** @param {PointerEvent} event */
  const take = (event) => {
    const bar = /** @type {HTMLElement} */ (event.currentTarget);
    const { left, width } = bar.getBoundingClientRect();
    const at = headSeq + ((event.clientX - left) / width) * all;
    // Beside the handle: that comes to the pointer first.
    if (at < from || at >= to) map.move(window, Math.round(at - (from + to) / 2));
    hold.current = { x: event.clientX, from: map.stretchOf(window).from };
    bar.setPointerCapture(event.pointerId);
    bar.focus();
    event.preventDefault();
  };
  /** @param {PointerEvent} event */
  const drag = (event) => {
    if (hold.current === undefined) return;
    const { width } = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    const wanted = hold.current.from + ((event.clientX - hold.current.x) / width) * all;
    map.move(window, Math.round(wanted - map.stretchOf(window).from));
  };
  const letGo = () => {
    hold.current = undefined;
  };
  /** @param {KeyboardEvent} event */
  const turn = (event) => {
    const far = { Home: headSeq - from, End: tailSeq - to, PageUp: -span, PageDown: span };
    const near = Math.max(1, Math.round(span / 8));
    /** @type {Record<string, number>} */
    const steps = { ...far, ArrowLeft: -near, ArrowRight: near };
    const events = steps[event.key];
    if (events === undefined) return;
    event.preventDefault();
    map.move(window, events);
  };
  const share = (/** @type {number} */ events) => `${(events / all) * 100}%`;
  return html`
    <div
      class="map-bar"
      role="scrollbar"
      tabindex="0"
      aria-label="What the line shows of the session"
      aria-controls="session-map"
      aria-orientation="horizontal"
      aria-valuemin=${headSeq}
      aria-valuemax=${tailSeq - span}
      aria-valuenow=${from}
      aria-valuetext=${stretchWords(from, to)}
      onPointerDown=${take}
      onPointerMove=${drag}
      onPointerUp=${letGo}
      onPointerCancel=${letGo}
      onKeyDown=${turn}
    ><i style=${{ left: share(from - headSeq), width: share(span) }}></i></div>
  `;
}

/** @param {{ model: SessionModel }} props */
export function MapWords({ model }) {
  const { from, to } = model.map.stretchOf(model.window);
  return html`<output class="map-words">${model.map.isWhole ? '' : stretchWords(from, to)}</output>`;
}

/** @param {number} from @param {number} to */
const stretchWords = (from, to) =>
  `${from.toLocaleString('en')} to ${(to - 1).toLocaleString('en')}`;
