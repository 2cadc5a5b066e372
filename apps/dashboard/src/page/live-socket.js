// One socket to the server for all that a page follows.
//
// (1) What is subscribed to stays so until it is left: whenever the socket was lost it comes back, with jitter,
//     and goes on behind the last cursor.
// (2) A page that is not seen waits for no timer: browsers starve those. It looks again when it is seen.
// (3) Of a session so much may come as has credit; more is granted when it was taken.

import { signal } from '@preact/signals-core';

/** @typedef {Record<string, any>} Message */
/**
 * @typedef {object} Listener
 * @property {(message: Message) => void} [began] it is subscribed, anew after each loss
 * @property {(message: Message) => void} [events]
 * @property {(message: Message) => void} [changed] of the fleet, or its counters
 * @property {(reason: string) => void} [ended]
 * @property {(message: Message) => void} [failed]
 */
/**
 * @typedef {object} Subscription
 * @property {Message} asked
 * @property {Listener} listener
 * @property {number | undefined} channel
 * @property {string | undefined} cursor
 * @property {number} tookBytes
 * @property {number} grantedBytes
 */

const creditBytes = 4 * 1024 * 1024;
const backoffMs = { first: 500, max: 20_000 };
/** Final: who asks is not let in, or asks for nothing. */
const isFinal = (/** @type {number} */ code) => code >= 4_400 && code < 4_500;

const encoder = new TextEncoder();

/** @param {string} text */
function base64Url(text) {
  const bytes = encoder.encode(text);
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export class LiveSocket {
  /** connecting, open, waiting or refused */
  state = signal('connecting');
  #token;
  /** @type {WebSocket | undefined} */
  #socket;
  /** @type {Map<string, Subscription>} */
  #byRef = new Map();
  /** @type {Map<number, Subscription>} */
  #byChannel = new Map();
  #lastRef = 0;
  #losses = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  #isClosed = false;
  #onSeen = () => {
    if (document.visibilityState === 'visible' && this.state.value === 'waiting') this.#connect();
  };

  /** @param {string | undefined} token */
  constructor(token) {
    this.#token = token;
    document.addEventListener('visibilitychange', this.#onSeen);
    globalThis.addEventListener('online', this.#onSeen);
    this.#connect();
  }

  /**
   * @param {Message} asked
   * @param {Listener} listener
   * @returns {() => void} leaves it
   */
  subscribe(asked, listener) {
    this.#lastRef += 1;
    const ref = String(this.#lastRef);
    /** @type {Subscription} */
    const subscription = {
      asked,
      listener,
      channel: undefined,
      cursor: undefined,
      tookBytes: 0,
      grantedBytes: creditBytes,
    };
    this.#byRef.set(ref, subscription);
    if (this.state.value === 'open') this.#ask(ref, subscription);
    return () => {
      this.#byRef.delete(ref);
      const { channel } = subscription;
      if (channel === undefined || !this.#byChannel.delete(channel)) return;
      this.#send({ type: 'unsub', ch: channel });
    };
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    document.removeEventListener('visibilitychange', this.#onSeen);
    globalThis.removeEventListener('online', this.#onSeen);
    this.#socket?.close();
  }

  #connect() {
    clearTimeout(this.#retry);
    this.state.value = 'connecting';
    const url = new URL('/v1/live', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const token = this.#token;
    const own = token === undefined ? [] : [`tidemark.bearer.${base64Url(token)}`];
    const socket = new WebSocket(url, ['tidemark.v1', ...own]);
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      if (this.#socket === socket) this.#take(JSON.parse(data), encoder.encode(data).length);
    });
    socket.addEventListener('close', ({ code }) => {
      if (this.#socket === socket) this.#lost(code);
    });
  }

  /** @param {number} code */
  #lost(code) {
    this.#socket = undefined;
    this.#byChannel.clear();
    for (const subscription of this.#byRef.values()) subscription.channel = undefined;
    if (this.#isClosed) return;
    if (isFinal(code)) {
      this.state.value = 'refused';
      for (const { listener } of this.#byRef.values()) listener.ended?.('refused');
      return;
    }
    this.state.value = 'waiting';
    const ceilingMs = Math.min(backoffMs.max, backoffMs.first * 2 ** this.#losses);
    this.#losses += 1;
    this.#retry = setTimeout(() => this.#connect(), Math.random() * ceilingMs);
  }

  /** @param {Message} message */
  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /**
   * @param {string} ref
   * @param {Subscription} subscription
   */
  #ask(ref, subscription) {
    subscription.tookBytes = 0;
    subscription.grantedBytes = creditBytes;
    const { asked, cursor } = subscription;
    const isSession = asked['session'] !== undefined;
    const place = isSession ? { credit: creditBytes, ...(cursor && { after: cursor }) } : {};
    this.#send({ type: 'sub', ref, ...asked, ...place });
  }

  /**
   * @param {Message} message
   * @param {number} bytes
   */
  #take(message, bytes) {
    if (message.type === 'ready') {
      this.state.value = 'open';
      this.#losses = 0;
      for (const [ref, subscription] of this.#byRef) this.#ask(ref, subscription);
      return;
    }
    const subscription =
      message.ref === undefined
        ? this.#byChannel.get(message.ch)
        : this.#byRef.get(String(message.ref));
    if (subscription === undefined) return this.#leaveUnwanted(message);
    this.#tell(subscription, message, bytes);
  }

  /**
   * It was left before the server had answered.
   * @param {Message} message
   */
  #leaveUnwanted({ type, ch }) {
    if (type === 'ok' && ch !== undefined) this.#send({ type: 'unsub', ch });
  }

  /**
   * @param {Subscription} subscription
   * @param {Message} message
   * @param {number} bytes
   */
  #tell(subscription, message, bytes) {
    const { listener } = subscription;
    switch (message.type) {
      case 'ok':
        subscription.channel = message.ch;
        subscription.cursor = message.cursor;
        this.#byChannel.set(message.ch, subscription);
        return listener.began?.(message);
      case 'ev':
        subscription.cursor = message.cursor;
        listener.events?.(message);
        return this.#grant(subscription, bytes);
      case 'fleet':
      case 'counters':
        return listener.changed?.(message);
      case 'end':
        return listener.ended?.(message.reason);
      case 'err':
        return listener.failed?.(message);
    }
  }

  /**
   * @param {Subscription} subscription
   * @param {number} bytes
   */
  #grant(subscription, bytes) {
    subscription.tookBytes += bytes;
    if (subscription.grantedBytes - subscription.tookBytes > creditBytes / 2) return;
    subscription.grantedBytes = subscription.tookBytes + creditBytes;
    this.#send({ type: 'credit', ch: subscription.channel, bytes: subscription.grantedBytes });
  }
}
