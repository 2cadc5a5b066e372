// A list of rows of different heights, of which only those in view are on the page. It keeps what is read in its place,
// whatever is added before, and follows its end while that is in view.

import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
} from '@tanstack/virtual-core';
import { useCallback, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';
import { html } from './render.js';

/** Rows that are kept on both sides of the view. */
const overscan = 8;
/** As near to the end as counts for at it. */
const endPixels = 48;

/** @typedef {{ readonly startIndex: number, readonly endIndex: number, readonly isAtEnd: boolean, readonly isBackward: boolean }} View */
/** @typedef {Virtualizer<HTMLElement, HTMLElement>} List */

/**
 * @param {object} props
 * @param {number} props.count
 * @param {readonly unknown[]} props.rows their identity tells when keys are to be asked for anew
 * @param {(index: number) => string | number} props.keyOf
 * @param {(index: number) => any} props.renderRow
 * @param {(index: number) => number} props.estimate
 * @param {boolean} [props.isFollowing]
 * @param {string} props.label
 * @param {(view: View) => void} [props.onView]
 * @param {(list: List) => void} [props.onList]
 */
export function VirtualList(props) {
  const { count, rows, keyOf, renderRow, estimate, label, onView, onList } = props;
  const { isFollowing = false } = props;
  /** @type {{ current: HTMLElement | null }} */
  const scroller = useRef(null);
  const [, redraw] = useReducer((/** @type {number} */ turn) => turn + 1, 0);
  // A new function makes all places be computed again: only where rows are others, not where more came.
  const getItemKey = useCallback(keyOf, [rows]);
  const tell = useRef(onView);
  tell.current = onView;
  /** @type {ConstructorParameters<typeof Virtualizer<HTMLElement, HTMLElement>>[0]} */
  const options = {
    count,
    getItemKey,
    estimateSize: estimate,
    overscan,
    anchorTo: 'end',
    followOnAppend: isFollowing,
    scrollEndThreshold: endPixels,
    getScrollElement: () => scroller.current,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: (list) => {
      redraw(0);
      tell.current?.(viewOf(list));
    },
  };
  const [list] = useState(() => new Virtualizer(options));
  list.setOptions(options);
  useLayoutEffect(() => {
    onList?.(list);
    return list._didMount();
  }, []);
  useLayoutEffect(() => list._willUpdate());
  useEndInView(scroller, list, isFollowing);
  const items = list.getVirtualItems();
  return html`
    <div class="scroller" ref=${scroller} tabindex="0" role="list" aria-label=${label}>
      <div class="extent" style=${{ height: `${list.getTotalSize()}px` }}>
        ${items.map(
          (item) => html`
            <div
              key=${item.key}
              class="row-place"
              role="listitem"
              aria-setsize=${count}
              aria-posinset=${item.index + 1}
              data-index=${item.index}
              ref=${list.measureElement}
              style=${{ transform: `translateY(${item.start}px)` }}
            >
              ${renderRow(item.index)}
            </div>
          `,
        )}
      </div>
    </div>
  `;
}

/**
 * What stands below it grows and shrinks: a question, a longer message.
 * @param {{ current: HTMLElement | null }} scroller
 * @param {List} list
 * @param {boolean} isFollowing
 */
function useEndInView(scroller, list, isFollowing) {
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!isFollowing || element === null) return;
    const observer = new ResizeObserver(() => list.scrollToEnd());
    observer.observe(element);
    return () => observer.disconnect();
  }, [isFollowing]);
}

/**
 * @param {List} list
 * @returns {View}
 */
function viewOf(list) {
  const { startIndex = 0, endIndex = 0 } = list.range ?? {};
  const isBackward = list.scrollDirection === 'backward';
  return { startIndex, endIndex, isAtEnd: list.isAtEnd(endPixels), isBackward };
}
