// A list of rows of one height, as many as there may be: only those in view are on the page.

import { useLayoutEffect, useMemo, useReducer, useRef } from 'preact/hooks';
import { html } from './render.js';
import { TallScroll } from './tall-scroll.js';

/** Rows that are kept on both sides of the view. */
const overscan = 8;
const restMs = 150;

/**
 * @param {object} props
 * @param {number} props.count
 * @param {boolean} props.hasMore there are others behind them
 * @param {number} props.rowPixels
 * @param {(index: number) => string | number} props.keyOf
 * @param {(index: number) => any} props.renderRow
 * @param {string} props.label
 * @param {(endIndex: number) => void} props.onView behind the last row that is in view
 * @param {(scrollTo: (index: number) => void) => void} props.onScroller
 */
export function RowList(props) {
  const { count, hasMore, rowPixels, keyOf, renderRow, label, onView, onScroller } = props;
  /** @type {{ current: HTMLElement | null }} */
  const scroller = useRef(null);
  const scroll = useMemo(() => new TallScroll(), []);
  const [, redraw] = useReducer((/** @type {number} */ turn) => turn + 1, 0);
  const viewPixels = scroller.current?.clientHeight ?? 0;
  scroll.resize(count * rowPixels, viewPixels);
  const firstInView = Math.floor(scroll.offset / rowPixels);
  const endInView = Math.min(count, Math.ceil((scroll.offset + viewPixels) / rowPixels));
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    onScroller((index) => {
      scroll.goTo(index * rowPixels);
      settle(scroll, element);
      redraw(0);
    });
    return followScroll(element, scroll, () => redraw(0));
  }, []);
  useLayoutEffect(() => {
    // With more rows each lies elsewhere in proportion.
    if (scroller.current !== null && scroll.isStuck) settle(scroll, scroller.current);
    onView(endInView);
  }, [count, endInView]);
  const first = Math.max(0, firstInView - overscan);
  const end = Math.min(count, endInView + overscan);
  const shift = scroll.top - scroll.offset;
  return html`
    <div class="scroller" ref=${scroller} tabindex="0" role="list" aria-label=${label}>
      <div class="extent" style=${{ height: `${scroll.height}px` }}>
        ${Array.from({ length: Math.max(0, end - first) }, (_, at) => first + at).map(
          (index) => html`
            <div
              key=${keyOf(index)}
              class="row-place"
              role="listitem"
              aria-setsize=${hasMore ? -1 : count}
              aria-posinset=${index + 1}
              data-index=${index}
              style=${{ transform: `translateY(${index * rowPixels + shift}px)` }}
            >
              ${renderRow(index)}
            </div>
          `,
        )}
      </div>
    </div>
  `;
}

/**
 * @param {HTMLElement} element
 * @param {TallScroll} scroll
 * @param {() => void} onMove
 */
function followScroll(element, scroll, onMove) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let rest;
  const settleAndDraw = () => {
    settle(scroll, element);
    onMove();
  };
  const move = () => {
    scroll.moved(element.scrollTop);
    clearTimeout(rest);
    if (scroll.isStuck) settle(scroll, element);
    else if (scroll.isScaled) rest = setTimeout(settleAndDraw, restMs);
    onMove();
  };
  element.addEventListener('scroll', move, { passive: true });
  const observer = new ResizeObserver(onMove);
  observer.observe(element);
  return () => {
    clearTimeout(rest);
    observer.disconnect();
    element.removeEventListener('scroll', move);
  };
}

/** @param {TallScroll} scroll @param {HTMLElement} element */
function settle(scroll, element) {
  element.scrollTop = scroll.settledTop;
  // As near as the browser puts it.
  scroll.settled(element.scrollTop);
}
