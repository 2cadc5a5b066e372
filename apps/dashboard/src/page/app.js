// The frame of all pages: where one is, with which key, and whether the server is heard.

import { useEffect, useState } from 'preact/hooks';
import { connect } from './connection.js';
import { FleetPage } from './fleet-page.js';
import { KeyPrompt } from './key-prompt.js';
import { html } from './render.js';
import { parseRoute, sessionHash } from './routes.js';
import { SessionPage } from './session-page.js';
import { SessionsPage } from './sessions-page.js';

/** For as long as the tab is open, and for no other. */
const keyPlace = 'tidemark.key';
/** @param {string} name */
const tokenPlace = (name) => `tidemark.token.${name}`;

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./routes.js').Route} Route */

/**
 * The token of a shared session: out of the address, where it would be seen, copied and kept.
 * @param {Route} route
 */
function sharedToken({ name, query }) {
  const token = query.get('token');
  if (token === null) return sessionStorage.getItem(tokenPlace(name)) ?? undefined;
  sessionStorage.setItem(tokenPlace(name), token);
  query.delete('token');
  history.replaceState(null, '', sessionHash(name, Object.fromEntries(query), 'shared'));
  return token;
}

/** @param {Route} route */
const tokenFor = (route) =>
  route.page === 'shared' ? sharedToken(route) : (sessionStorage.getItem(keyPlace) ?? undefined);

export function App() {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const move = () => setRoute(parseRoute(location.hash));
    addEventListener('hashchange', move);
    return () => removeEventListener('hashchange', move);
  }, []);
  // A shared session is read with its token, whatever key is known besides.
  const scope = route.page === 'shared' ? `shared ${route.name}` : 'own';
  const [held, setHeld] = useState(() => ({ scope, connection: connect(tokenFor(route)) }));
  const reconnect = () => {
    held.connection.close();
    setHeld({ scope, connection: connect(tokenFor(route)) });
  };
  useEffect(() => {
    if (held.scope !== scope) reconnect();
  }, [scope]);
  if (held.scope !== scope) return null;
  const { connection } = held;
  const isRefused = connection.isRefused.value;
  /** @param {string} key */
  const enter = (key) => {
    sessionStorage.setItem(keyPlace, key);
    reconnect();
  };
  return html`
    <${TopBar} route=${route} connection=${connection} />
    ${
      isRefused
        ? html`<${KeyPrompt} isShared=${route.page === 'shared'} wasTried=${sessionStorage.getItem(keyPlace) !== null} onKey=${enter} />`
        : html`<${Page} key=${pageKey(route)} route=${route} connection=${connection} />`
    }
  `;
}

/** @param {Route} route */
const pageKey = ({ page, name }) => `${page} ${name}`;

/** @param {{ route: Route, connection: Connection }} props */
function Page({ route, connection }) {
  const { page, name, query } = route;
  switch (page) {
    case 'fleet':
      return html`<${FleetPage} connection=${connection} />`;
    case 'sessions':
      return html`<${SessionsPage} connection=${connection} query=${query} />`;
    case 'session':
    case 'shared':
      return html`<${SessionPage} connection=${connection} name=${name} query=${query} isShared=${page === 'shared'} />`;
    case 'nowhere':
      return html`<main class="empty"><h1>Nothing is here</h1><p><a href="#/">Back to the fleet</a></p></main>`;
  }
}

/** @type {Record<string, string>} */
const liveWords = {
  open: 'live',
  connecting: 'connecting',
  waiting: 'reconnecting',
  refused: 'not connected',
};

/** @param {{ route: Route, connection: Connection }} props */
function TopBar({ route, connection }) {
  const state = connection.live.state.value;
  const isShared = route.page === 'shared';
  const hasKey = !isShared && sessionStorage.getItem(keyPlace) !== null;
  const forget = () => {
    sessionStorage.removeItem(keyPlace);
    location.reload();
  };
  /** @param {boolean} isHere */
  const current = (isHere) => (isHere ? 'page' : undefined);
  return html`
    <header class="top">
      <a class="brand" href=${isShared ? undefined : '#/'}><img src="/ui/icon.svg" alt="" width="20" height="20" />Tidemark</a>
      ${
        isShared
          ? html`<span class="shared-note">a shared session, to read</span>`
          : html`
              <nav aria-label="Pages">
                <a href="#/" aria-current=${current(route.page === 'fleet')}>Fleet</a>
                <a href="#/sessions" aria-current=${current(route.page.startsWith('session'))}>Sessions</a>
              </nav>
            `
      }
      <span class="top-end">
        ${hasKey && html`<button type="button" class="link" onClick=${forget}>Forget the key</button>`}
        <span class="live live-${state}" role="status"><i aria-hidden="true"></i>${liveWords[state]}</span>
      </span>
    </header>
  `;
}
