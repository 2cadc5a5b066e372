import { signal } from '@preact/signals-core';
import { Api } from './api.js';
import { LiveSocket } from './live-socket.js';

/**
 * @typedef {object} Connection
 * @property {Api} api
 * @property {LiveSocket} live
 * @property {import('@preact/signals').Signal<boolean>} isRefused nobody has this key or token, or not any more
 * @property {() => void} close
 */

/**
 * The server, as it is for whoever has this key or token.
 * @param {string | undefined} token
 * @returns {Connection}
 */
export function connect(token) {
  const isRefused = signal(false);
  const api = new Api(token, () => {
    isRefused.value = true;
  });
  const live = new LiveSocket(token);
  const unwatch = live.state.subscribe((state) => {
    if (state === 'refused') isRefused.value = true;
  });
  return {
    api,
    live,
    isRefused,
    close() {
      unwatch();
      live.close();
    },
  };
}
