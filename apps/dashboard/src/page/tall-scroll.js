// Where one is in a list that may be taller than a browser draws an element. Up to a height the list is as tall as its
// rows; beyond, it stays that tall, and stands for them:
//
// (1) A small move, as a wheel or a key makes it, moves the rows by as much: each row comes into view.
// (2) A jump, as a scroll bar makes it, leads to where it lies in proportion: the ends are the ends.
// (3) What small moves have added up to is settled when one rests, or stands at an end of only one of both: the list is
//     put where its rows are in proportion, and no row moves.

/** Firefox draws none of more than about 17.8 million pixels, Chromium and Safari of 33.5 million. */
const heightMax = 15_000_000;

/** @param {number} value @param {number} max */
const within = (value, max) => Math.min(Math.max(0, value), Math.max(0, max));

export class TallScroll {
  /** Where the view begins, among the rows. */
  offset = 0;
  /** And in the list as it is drawn. */
  top = 0;
  #rows = 0;
  #view = 0;
  #hasJumped = false;
  #max;

  constructor(max = heightMax) {
    this.#max = max;
  }

  /** Of the list as it is drawn. */
  get height() {
    return Math.min(this.#rows, this.#max);
  }

  get isScaled() {
    return this.#rows > this.#max;
  }

  get #offsetMax() {
    return Math.max(0, this.#rows - this.#view);
  }

  get #topMax() {
    return Math.max(0, this.height - this.#view);
  }

  /** No pixel of a scroll bar is as small a move: each of them is a part of the height. */
  get #stepMax() {
    return this.#max / (2 * Math.max(1, this.#view));
  }

  /** As far from both ends the list moves as its rows do: there no part of a pixel stands for many rows. */
  get #edge() {
    return Math.min(4 * this.#view, this.#topMax / 4);
  }

  /** Of the part between the edges, how many pixels of rows one of the list stands for. */
  get #scale() {
    return (this.#offsetMax - 2 * this.#edge) / (this.#topMax - 2 * this.#edge);
  }

  /** Where the list belongs, in proportion; `settled` is told once it is there. */
  get settledTop() {
    const [offset, edge] = [this.offset, this.#edge];
    if (!this.isScaled || offset <= edge) return offset;
    const left = this.#offsetMax - offset;
    return left <= edge ? this.#topMax - left : edge + (offset - edge) / this.#scale;
  }

  /** Where the rows are then. @param {number} top */
  #offsetAt(top) {
    const edge = this.#edge;
    if (top <= edge) return Math.max(0, top);
    const left = Math.max(0, this.#topMax - top);
    return left <= edge ? this.#offsetMax - left : edge + (top - edge) * this.#scale;
  }

  /** At an end of the list, and not of the rows, or the other way: nobody could go on from there. */
  get isStuck() {
    if (!this.isScaled) return false;
    const { offset, top } = this;
    return offset <= 0 !== top <= 0 || offset >= this.#offsetMax !== top >= this.#topMax - 1;
  }

  /**
   * In pixels.
   * @param {number} rows all of them together
   * @param {number} view
   */
  resize(rows, view) {
    this.#rows = rows;
    this.#view = view;
    this.offset = within(this.offset, this.#offsetMax);
  }

  /** To a place among the rows. @param {number} offset */
  goTo(offset) {
    this.offset = within(offset, this.#offsetMax);
  }

  /** The browser has scrolled the list. @param {number} top */
  moved(top) {
    const step = top - this.top;
    this.top = top;
    if (!this.isScaled) {
      this.offset = within(top, this.#offsetMax);
      return;
    }
    const isAtEnd = top <= 0 || top >= this.#topMax - 1;
    const isJump = Math.abs(step) > this.#stepMax || (isAtEnd && this.#hasJumped);
    if (isJump) this.#hasJumped = true;
    this.offset = isJump ? this.#offsetAt(top) : within(this.offset + step, this.#offsetMax);
  }

  /** The list was put somewhere, and no row moves by it. @param {number} top */
  settled(top) {
    this.top = top;
    this.#hasJumped = false;
  }
}
