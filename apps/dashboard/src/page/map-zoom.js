// Which stretch of a session its map shows: all of it, or so much as was zoomed to.
//
// (1) What is shown lies within the session, and is never less than so many events, unless there are fewer.
// (2) What one zooms at stays where it is; at an end of the session the rest makes way.
// (3) A stretch that ends with the session goes on with it.

import { signal } from '@preact/signals';

/** @typedef {{ readonly from: number, readonly to: number }} Stretch the second exclusive */
/** @typedef {{ readonly headSeq: number, readonly tailSeq: number }} Bounds */
/** @typedef {{ readonly first: number, readonly last: number }} View what the transcript shows */

export const stretchMin = 16;

/** @param {Bounds} bounds @returns {Stretch} */
const wholeOf = ({ headSeq, tailSeq }) => ({ from: headSeq, to: tailSeq });

/**
 * So many events from a seq on, moved to where there are so many.
 * @param {number} from
 * @param {number} span
 * @param {Bounds} bounds
 * @returns {Stretch}
 */
function stretchAt(from, span, { headSeq, tailSeq }) {
  const begin = Math.max(headSeq, Math.min(Math.round(from), tailSeq - span));
  return { from: begin, to: Math.min(begin + span, tailSeq) };
}

/**
 * @param {Stretch} stretch
 * @param {Bounds} bounds
 * @param {{ factor: number, at: number }} wanted so many times as long, around a seq
 * @returns {Stretch}
 */
export function zoomed({ from, to }, bounds, { factor, at }) {
  const span = to - from;
  const all = bounds.tailSeq - bounds.headSeq;
  // Towards what is wanted: also a small step is one.
  const wanted = factor < 1 ? Math.floor(span * factor) : Math.ceil(span * factor);
  const next = Math.min(Math.max(wanted, stretchMin), all);
  const share = span === 0 ? 0 : (at - from) / span;
  return stretchAt(at - share * next, next, bounds);
}

/** @param {Stretch} stretch @param {Bounds} bounds @param {number} events @returns {Stretch} */
export const moved = ({ from, to }, bounds, events) => stretchAt(from + events, to - from, bounds);

/**
 * The event that is drawn at a share of the width.
 * @param {Stretch} stretch
 * @param {number} share
 */
export const seqAt = ({ from, to }, share) =>
  Math.max(from, Math.min(to - 1, from + Math.floor(share * (to - from))));

export class MapZoom {
  /** Undefined where all is shown. */
  #stretch = signal(/** @type {Stretch | undefined} */ (undefined));
  #isAtEnd = false;
  /** Where one was. @type {View} */
  #view = { first: 0, last: 0 };

  get isWhole() {
    return this.#stretch.value === undefined;
  }

  /** @param {Bounds} bounds @returns {Stretch} */
  stretchOf(bounds) {
    const stretch = this.#stretch.value;
    if (stretch === undefined) return wholeOf(bounds);
    const span = stretch.to - stretch.from;
    return stretchAt(this.#isAtEnd ? bounds.tailSeq : stretch.from, span, bounds);
  }

  /** @param {Bounds} bounds @param {Stretch} stretch */
  #take(bounds, stretch) {
    const { from, to } = stretch;
    const isAll = from <= bounds.headSeq && to >= bounds.tailSeq;
    this.#isAtEnd = to >= bounds.tailSeq;
    this.#stretch.value = isAll ? undefined : stretch;
  }

  /** @param {Bounds} bounds @param {{ factor: number, at: number }} wanted */
  zoom(bounds, wanted) {
    this.#take(bounds, zoomed(this.stretchOf(bounds), bounds, wanted));
  }

  /** @param {Bounds} bounds @param {number} events forwards, or backwards where it is negative */
  move(bounds, events) {
    this.#take(bounds, moved(this.stretchOf(bounds), bounds, events));
  }

  showAll() {
    this.#stretch.value = undefined;
  }

  /**
   * Where one has gone elsewhere, the map goes along; not with what is followed, once it was moved away from that.
   * @param {Bounds} bounds
   * @param {View} view
   * @param {boolean} isFollowing
   */
  reveal(bounds, view, isFollowing) {
    const stretch = this.stretchOf(bounds);
    const wasAway = !isSeen(stretch, this.#view);
    this.#view = view;
    if (this.isWhole || isSeen(stretch, view) || (isFollowing && wasAway)) return;
    const middle = (stretch.from + stretch.to) / 2;
    this.move(bounds, Math.round((view.first + view.last) / 2 - middle));
  }
}

/** @param {Stretch} stretch @param {View} view */
const isSeen = ({ from, to }, { first, last }) => first < to && last >= from;
