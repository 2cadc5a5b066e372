// One session on the page: its stretch of events, what is followed of it, what is selected and found.

import { signal } from '@preact/signals';
import { messageOf, sessionPath } from './api.js';
import { AsOf, standingTypes } from './as-of.js';
import { EventWindow } from './event-window.js';
import { MapZoom } from './map-zoom.js';
import { Player } from './player.js';
import { followPreviews, Previews } from './previews.js';
import { findInSession, wordsIn } from './session-finder.js';
import { shownFirst, shownMore } from './text.js';
import { ThreadLanes, threadTypes } from './thread-lanes.js';

/** @typedef {Record<string, any>} Fields */
/** @typedef {import('./transcript.js').Row} Row */

/** The session itself is asked for again so often while it writes. */
const refreshMs = 1_000;
/** Marks of the whole session are asked for where that is no work to speak of. */
const marksEventsMax = 200_000;
const markTypes = ['user.message', 'session.error', 'session.status_terminated', ...threadTypes];
/** Of what tells how it stood: so many pages are read. */
const standingPagesMax = 20;

/** Where a session stands, out of a cursor: its first 16 digits. @param {string} cursor */
const positionOf = (cursor) => Number(cursor.slice(0, 16));

export class SessionModel {
  /** Counts what makes the page be drawn again. */
  turn = signal(0);
  session = signal(/** @type {Fields | undefined} */ (undefined));
  problem = signal('');
  isFollowing = signal(true);
  selected = signal(/** @type {number | undefined} */ (undefined));
  ended = signal('');
  view = signal({ first: 0, last: 0 });
  find = signal({
    text: '',
    words: /** @type {string[]} */ ([]),
    seqs: /** @type {number[]} */ ([]),
    at: -1,
    hasMore: false,
    isBusy: false,
  });
  /** @type {Map<number, string>} seq to kind */
  marks = new Map();
  previews = new Previews();
  map = new MapZoom();
  threads = new ThreadLanes();
  asOf = new AsOf();
  /** Whether all that tells how it stood is known. */
  isAsOfKnown = false;
  /** The tail when it was last followed. */
  seenTail = 0;
  /** Where the page is to go once it is drawn. @type {{ seq: number, isSought?: boolean } | undefined} */
  goal;
  /** @type {import('./virtual-list.js').List | undefined} */
  list;
  /** Of each text, how much of it is shown. @type {Map<string, number>} */
  #shown = new Map();
  #frame = 0;
  /** What the list told last. @type {import('./virtual-list.js').View | undefined} */
  #viewed;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #refresh;
  #leaves = /** @type {(() => void)[]} */ ([]);
  #isClosed = false;

  /**
   * @param {import('./connection.js').Connection} connection
   * @param {string} name
   */
  constructor({ api, live }, name) {
    this.api = api;
    this.live = live;
    this.name = name;
    this.path = sessionPath(name);
    const pages = api.pagesOf(name);
    this.window = new EventWindow(
      async (range) => {
        const page = await pages(range);
        for (const [index, event] of page.events.entries()) {
          this.threads.take(page.seqs[index] ?? 0, event);
        }
        return page;
      },
      () => this.draw(),
    );
    this.player = new Player(this);
  }

  get rows() {
    return this.window.transcript.rows;
  }

  /** What is shown of the session, where that is not all of it. @returns {Fields | undefined} */
  get share() {
    return this.session.value?.['share'];
  }

  get newCount() {
    return this.isFollowing.value ? 0 : Math.max(0, this.window.tailSeq - this.seenTail);
  }

  /** Whoever draws what changes in place is drawn again with it. */
  watch() {
    return this.turn.value;
  }

  draw() {
    if (this.#frame !== 0 || this.#isClosed) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.turn.value += 1;
    });
  }

  /**
   * @param {string | null} event its id or seq
   * @param {string} text that is looked for
   */
  async open(event, text) {
    try {
      const session = await this.api.json(this.path);
      if (this.#isClosed) return;
      this.session.value = session;
      this.window.knowHead(session['first_seq'] ?? 0);
      this.window.knowTail(session['event_count']);
      this.seenTail = session['event_count'];
      this.#follow();
      if (event === null) await this.window.openTail();
      else await this.show(await this.#seqOf(event));
      if (text !== '') void this.search(text, false);
      void this.#loadMarks();
      void this.#loadStandings();
    } catch (cause) {
      this.problem.value = messageOf(cause);
    }
  }

  close() {
    this.#isClosed = true;
    this.player.stop();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#refresh);
    for (const leave of this.#leaves) leave();
  }

  #follow() {
    const asked = { session: this.name };
    this.#leaves.push(
      this.live.subscribe(asked, {
        began: ({ cursor, session }) => {
          this.session.value = session;
          this.window.live(positionOf(cursor), []);
        },
        events: ({ cursor, events }) => {
          this.window.live(positionOf(cursor) - events.length, events);
          for (const event of events) this.previews.settle(event);
          this.#markLive(positionOf(cursor) - events.length, events);
          if (this.isFollowing.value) this.seenTail = this.window.tailSeq;
          this.refreshSoon();
        },
        ended: (reason) => {
          this.ended.value = reason;
          this.refreshSoon();
        },
        failed: ({ message }) => {
          this.problem.value = String(message);
        },
      }),
    );
    if (this.share !== undefined) return;
    this.#leaves.push(
      followPreviews(this.api, this.name, (frame) => {
        if (this.previews.take(frame)) this.draw();
      }),
    );
  }

  refreshSoon() {
    this.#refresh ??= setTimeout(() => {
      this.#refresh = undefined;
      void this.refresh();
    }, refreshMs);
  }

  async refresh() {
    if (this.ended.value === 'deleted' || this.#isClosed) return;
    await this.api.json(this.path).then(
      (session) => {
        this.session.value = session;
      },
      () => undefined,
    );
  }

  /** @param {string} event */
  async goTo(event) {
    await this.attempt(async () => this.show(await this.#seqOf(event)));
  }

  /**
   * @param {string} event
   * @returns {Promise<number>}
   */
  async #seqOf(event) {
    if (/^\d{1,15}$/.test(event)) return Number(event);
    const answer = await this.api.ask(`${this.path}/events/${encodeURIComponent(event)}`);
    return Number(answer.headers.get('stream-first-seq'));
  }

  async #loadMarks() {
    if (this.window.tailSeq > marksEventsMax) return;
    const types = markTypes.map((type) => `types[]=${type}`).join('&');
    const page = await this.api
      .json(`${this.path}/events?${types}&seqs=true&limit=1000&order=desc`)
      .catch(() => ({ data: [], seqs: [] }));
    for (const [index, event] of page.data.entries()) this.#mark(page.seqs[index], event);
    this.draw();
  }

  async #loadStandings() {
    if (this.window.tailSeq > marksEventsMax) return;
    const types = standingTypes.map((type) => `types[]=${type}`).join('&');
    /** @type {string | null} */
    let next = '';
    for (let page = 0; next !== null && page < standingPagesMax; page += 1) {
      /** @type {any} */
      const told = await this.api
        .json(`${this.path}/events?${types}&seqs=true&limit=1000&order=asc${next}`)
        .catch(() => undefined);
      if (told === undefined || this.#isClosed) return;
      for (const [index, event] of told.data.entries()) this.asOf.take(told.seqs[index], event);
      next = told.next_page === null ? null : `&page=${encodeURIComponent(told.next_page)}`;
    }
    this.isAsOfKnown = next === null;
    this.draw();
  }

  /**
   * @param {number} seq
   * @param {Fields} event
   */
  #mark(seq, event) {
    const { type } = event;
    this.threads.take(seq, event);
    if (!markTypes.includes(type) || threadTypes.includes(type)) return;
    this.marks.set(seq, type === 'user.message' ? 'user' : 'error');
  }

  /**
   * @param {number} firstSeq
   * @param {Fields[]} events
   */
  #markLive(firstSeq, events) {
    for (const [index, event] of events.entries()) {
      this.#mark(firstSeq + index, event);
      if (this.isAsOfKnown) this.asOf.take(firstSeq + index, event);
    }
  }

  /**
   * Goes to an event, wherever it is.
   * @param {number} seq
   */
  async show(seq) {
    const { window } = this;
    const at = Math.max(window.headSeq, Math.min(seq, window.tailSeq - 1));
    this.stopFollowing();
    this.selected.value = at;
    this.goal = { seq: at };
    await window.openAt(at);
    this.draw();
  }

  /** What comes from now on is counted as new. */
  stopFollowing() {
    if (this.isFollowing.value) this.seenTail = this.window.tailSeq;
    this.isFollowing.value = false;
  }

  /** To the end, and on with it. */
  async goLive() {
    this.isFollowing.value = true;
    this.seenTail = this.window.tailSeq;
    if (!this.window.isAtTail) await this.window.openTail();
    this.draw();
    this.list?.scrollToEnd();
    requestAnimationFrame(() => this.list?.scrollToEnd());
  }

  /** Once rows are drawn. */
  reachGoal() {
    const { goal, list } = this;
    const row = goal && this.window.transcript.rowOf(goal.seq);
    if (row === undefined || list === undefined || goal?.isSought === true) return;
    this.goal = { seq: row.seq, isSought: true };
    list.scrollToIndex(row.index, { align: 'center' });
    this.#afterScroll(this.goal);
  }

  /**
   * The browser scrolls with its next frame. Until then what is in view is what was before: whatever were loaded for
   * that would take the page elsewhere.
   * @param {SessionModel['goal']} goal
   */
  #afterScroll(goal) {
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        if (this.goal !== goal || this.#isClosed) return;
        this.goal = undefined;
        if (this.#viewed !== undefined) this.#loadAround(this.#viewed);
      }),
    );
  }

  /** @param {import('./virtual-list.js').View} viewed */
  moved(viewed) {
    const { startIndex, endIndex, isAtEnd, isBackward } = viewed;
    const { window } = this;
    this.#viewed = viewed;
    const [first, last] = [
      this.rows[startIndex]?.seq ?? 0,
      this.rows[endIndex]?.seq ?? window.endSeq,
    ];
    if (first !== this.view.value.first || last !== this.view.value.last) {
      this.view.value = { first, last };
    }
    this.#loadAround(viewed);
    if (isAtEnd && window.isAtTail && !isBackward) {
      if (!this.isFollowing.value && this.goal === undefined) this.isFollowing.value = true;
      this.seenTail = window.tailSeq;
    } else if (isBackward && !isAtEnd) {
      this.stopFollowing();
    }
  }

  /** @param {import('./virtual-list.js').View} viewed */
  #loadAround({ startIndex, endIndex }) {
    if (startIndex < 20 && this.goal === undefined) void this.window.loadOlder();
    if (endIndex > this.rows.length - 20) void this.window.loadNewer();
  }

  /**
   * @param {string} text
   * @param {boolean} [goes] to the first that is found
   */
  async search(text, goes = true) {
    const none = { text, words: wordsIn(text), seqs: [], at: -1, hasMore: false };
    if (text === '') {
      this.find.value = { ...none, isBusy: false };
      return;
    }
    this.find.value = { ...none, isBusy: true };
    try {
      const found = await findInSession(this.api, this.name, text);
      if (this.find.value.text !== text) return;
      const here = this.selected.value ?? this.view.value.first;
      const next = found.seqs.findIndex((seq) => seq >= here);
      const at = found.seqs.length === 0 ? -1 : Math.max(0, next);
      this.find.value = { ...none, ...found, at, isBusy: false };
      if (goes && at >= 0) await this.show(found.seqs[at] ?? 0);
    } catch (cause) {
      this.find.value = { ...none, isBusy: false };
      this.problem.value = messageOf(cause);
    }
  }

  /** @param {number} step */
  async findStep(step) {
    const { seqs, at } = this.find.value;
    if (seqs.length === 0) return;
    const next = (at + step + seqs.length) % seqs.length;
    this.find.value = { ...this.find.value, at: next };
    await this.show(seqs[next] ?? 0);
  }

  /** @param {string} key */
  shownOf(key, first = shownFirst) {
    return this.#shown.get(key) ?? first;
  }

  /** @param {string} key */
  isOpen(key) {
    return this.#shown.get(`${key} open`) === 1;
  }

  /** @param {string} key */
  toggle(key) {
    this.#shown.set(`${key} open`, this.isOpen(key) ? 0 : 1);
    this.draw();
  }

  /** @param {string} key */
  showMore(key, first = shownFirst) {
    this.#shown.set(key, this.shownOf(key, first) + shownMore);
    this.draw();
  }

  /**
   * What is done to the session: whatever fails is said.
   * @param {() => Promise<unknown>} act
   * @returns {Promise<boolean>} whether it was done
   */
  async attempt(act) {
    this.problem.value = '';
    try {
      await act();
      void this.refresh();
      return true;
    } catch (cause) {
      this.problem.value = messageOf(cause);
      return false;
    }
  }

  /** @param {Fields} event */
  send(event) {
    return this.attempt(() =>
      this.api.json(`${this.path}/events`, { method: 'POST', body: { events: [event] } }),
    );
  }
}
