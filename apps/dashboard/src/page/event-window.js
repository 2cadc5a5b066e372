// A stretch of a session's events, without gaps, that grows at both ends, and whose transcript is kept.
//
// (1) It holds [firstSeq, endSeq) of [headSeq, tailSeq).
// (2) It follows what is written while its end is the tail. A stretch from the middle does not: it counts.
// (3) It holds so many at most; what grows at one end is cut at the other.

import { Transcript } from './transcript.js';

/** @typedef {import('./event-text.js').Fields} Fields */
/** @typedef {{ readonly seqs: readonly number[], readonly events: readonly Fields[] }} Page in order */
/** @typedef {(range: { readonly from: number, readonly to: number, readonly isLast: boolean }) => Promise<Page>} FetchPage */

export const pageEvents = 500;
const windowMax = 12_000;
const windowCut = 4_000;

export class EventWindow {
  firstSeq = 0;
  endSeq = 0;
  headSeq = 0;
  tailSeq = 0;
  /** @type {Fields[]} */
  events = [];
  transcript = new Transcript();
  /** Counts the times that it began anew, rather than grew. */
  epoch = 0;
  #fetchPage;
  #onChange;
  /** Counts the times that it was sent elsewhere, and of these the last that it has reached. */
  #course = 0;
  #reached = 0;
  #loading = false;
  #isFilling = false;

  /**
   * @param {FetchPage} fetchPage
   * @param {() => void} onChange
   */
  constructor(fetchPage, onChange) {
    this.#fetchPage = fetchPage;
    this.#onChange = onChange;
  }

  get isAtTail() {
    return this.endSeq >= this.tailSeq;
  }

  /** @param {number} tailSeq */
  knowTail(tailSeq) {
    this.tailSeq = Math.max(this.tailSeq, tailSeq);
  }

  /** Where what is kept begins, or what is shown. @param {number} headSeq */
  knowHead(headSeq) {
    this.headSeq = Math.max(this.headSeq, headSeq);
  }

  async openTail() {
    await this.#open(Math.max(this.headSeq, this.tailSeq - pageEvents), this.tailSeq);
  }

  /**
   * Around an event.
   * @param {number} seq
   */
  async openAt(seq) {
    if (seq >= this.firstSeq && seq < this.endSeq) return;
    const middle = Math.min(seq - pageEvents / 2, this.tailSeq - pageEvents);
    const from = Math.max(this.headSeq, middle);
    const to = Math.min(this.tailSeq, from + pageEvents);
    const isDone = await this.#open(from, to);
    // A page of large events ends before it: then it begins with the one that is wanted.
    if (isDone && seq >= this.endSeq && seq < this.tailSeq) await this.#open(seq, to);
  }

  /**
   * @param {number} from
   * @param {number} to
   * @returns {Promise<boolean>} whether nobody has gone elsewhere meanwhile
   */
  async #open(from, to) {
    this.#course += 1;
    const course = this.#course;
    const isLast = to >= this.tailSeq;
    const page =
      from >= to ? { seqs: [], events: [] } : await this.#fetchPage({ from, to, isLast });
    if (course !== this.#course) return false;
    this.#reached = course;
    this.epoch += 1;
    this.firstSeq = page.seqs[0] ?? to;
    this.endSeq = (page.seqs.at(-1) ?? to - 1) + 1;
    this.events = [...page.events];
    this.#rebuild();
    this.#onChange();
    if (isLast && !this.isAtTail) await this.#fill();
    return true;
  }

  #rebuild() {
    const transcript = new Transcript();
    for (const [index, event] of this.events.entries()) {
      transcript.push(this.firstSeq + index, event);
    }
    this.transcript = transcript;
  }

  /** On its way to elsewhere: what it holds grows no more. */
  get #isLeaving() {
    return this.#reached !== this.#course;
  }

  async loadOlder() {
    if (this.#loading || this.#isLeaving || this.events.length === 0) return;
    if (this.firstSeq <= this.headSeq) return;
    await this.#whileLoading(async (isCurrent) => {
      const to = this.firstSeq;
      const page = await this.#fetchPage({
        from: Math.max(this.headSeq, to - pageEvents),
        to,
        isLast: true,
      });
      if (!isCurrent() || page.events.length === 0 || to !== this.firstSeq) return;
      this.events = [...page.events, ...this.events];
      this.firstSeq = page.seqs[0] ?? to;
      if (this.events.length > windowMax) {
        this.events.length = windowMax - windowCut;
        this.endSeq = this.firstSeq + this.events.length;
      }
      this.#rebuild();
      this.#onChange();
    });
  }

  async loadNewer() {
    if (this.#loading || this.#isLeaving || this.isAtTail) return;
    await this.#whileLoading(async (isCurrent) => {
      const from = this.endSeq;
      const to = Math.min(this.tailSeq, from + pageEvents);
      const page = await this.#fetchPage({ from, to, isLast: false });
      if (isCurrent()) this.#append(from, page.events);
    });
  }

  /** @param {(isCurrent: () => boolean) => Promise<void>} load */
  async #whileLoading(load) {
    const course = this.#course;
    this.#loading = true;
    try {
      await load(() => course === this.#course);
    } finally {
      this.#loading = false;
    }
  }

  /**
   * What was written just now.
   * @param {number} firstSeq
   * @param {readonly Fields[]} events
   */
  live(firstSeq, events) {
    const wasAtTail = this.isAtTail;
    this.knowTail(firstSeq + events.length);
    if (!wasAtTail) return this.#onChange();
    if (firstSeq > this.endSeq) return void this.#fill();
    this.#append(firstSeq, events);
  }

  /** What was missed, a page at a time. */
  async #fill() {
    if (this.#isFilling) return;
    this.#isFilling = true;
    const course = this.#course;
    try {
      while (course === this.#course && !this.isAtTail) {
        const from = this.endSeq;
        const to = Math.min(this.tailSeq, from + pageEvents);
        const page = await this.#fetchPage({ from, to, isLast: false });
        if (course !== this.#course || page.events.length === 0) return;
        this.#append(from, page.events);
      }
    } finally {
      this.#isFilling = false;
    }
  }

  /**
   * What is there already is not added: a stretch may be on its way twice.
   * @param {number} firstSeq
   * @param {readonly Fields[]} events
   */
  #append(firstSeq, events) {
    const news = firstSeq > this.endSeq ? [] : events.slice(this.endSeq - firstSeq);
    if (news.length === 0) return;
    for (const event of news) {
      this.transcript.push(this.endSeq, event);
      this.events.push(event);
      this.endSeq += 1;
    }
    this.knowTail(this.endSeq);
    if (this.events.length > windowMax) {
      this.events = this.events.slice(windowCut);
      this.firstSeq += windowCut;
      this.#rebuild();
    }
    this.#onChange();
  }
}
