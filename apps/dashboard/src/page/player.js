// Plays a session from the selected row on, as fast as it was written or so many times faster: at its end one is
// live. What was waited for long is not waited for again.

import { signal } from '@preact/signals';

export const speeds = [1, 4, 16, 64];

const stepMinMs = 40;
const stepMaxMs = 2_000;
const loadMs = 100;

/**
 * How long a row stands before the next one.
 * @param {number | undefined} fromMs
 * @param {number | undefined} toMs
 * @param {number} speed
 */
export function stepMs(fromMs, toMs, speed) {
  if (fromMs === undefined || toMs === undefined) return stepMinMs;
  return Math.min(stepMaxMs, Math.max(stepMinMs, (toMs - fromMs) / speed));
}

/**
 * What is played: a session on its page.
 * @typedef {object} Played
 * @property {{ value: boolean }} isFollowing
 * @property {() => void} stopFollowing
 * @property {(seq: number) => Promise<void>} show
 * @property {() => Promise<void>} goLive
 * @property {import('./event-window.js').EventWindow} window
 * @property {readonly import('./transcript.js').Row[]} rows
 * @property {{ value: number | undefined }} selected
 * @property {{ value: { first: number } }} view
 * @property {import('./virtual-list.js').List | undefined} [list]
 */

export class Player {
  isPlaying = signal(false);
  speed = signal(4);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #model;

  /** @param {Played} model */
  constructor(model) {
    this.#model = model;
  }

  toggle() {
    if (this.isPlaying.value) return this.stop();
    const model = this.#model;
    const wasAtEnd = model.isFollowing.value;
    model.stopFollowing();
    this.isPlaying.value = true;
    // From the end there is nothing to play: then from the beginning.
    if (wasAtEnd) void model.show(0).then(() => this.#after(loadMs));
    else this.#after(0);
  }

  stop() {
    clearTimeout(this.#timer);
    this.isPlaying.value = false;
  }

  /** @param {number} ms */
  #after(ms) {
    clearTimeout(this.#timer);
    if (this.isPlaying.value) this.#timer = setTimeout(() => void this.#step(), ms);
  }

  async #step() {
    const { window, rows, selected, view, list } = this.#model;
    const here = window.transcript.rowOf(selected.value ?? view.value.first);
    const next = rows[(here?.index ?? -1) + 1];
    if (next !== undefined) {
      selected.value = next.seq;
      list?.scrollToIndex(next.index, { align: 'end' });
      const behind = rows[next.index + 1];
      return this.#after(stepMs(next.atMs, behind?.atMs, this.speed.value));
    }
    if (window.isAtTail) {
      this.stop();
      await this.#model.goLive();
      return;
    }
    await window.loadNewer().catch(() => this.stop());
    this.#after(loadMs);
  }
}
