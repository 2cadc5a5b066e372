import { useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { bucketCount } from './activity.js';
import { age, dateTime, money, shortCount, tokenCount } from './formats.js';
import { html } from './render.js';
import { sessionHash, sessionsHash } from './routes.js';
import { RowList } from './row-list.js';
import { isCleared } from './search-field.js';
import { SearchResults } from './search-results.js';
import { isByChange, SessionList } from './session-list.js';
import { agentOf, stateOf, titleOf } from './session-states.js';
import { PastSparkline, Sparkline } from './sparkline.js';
import { StateMark, Text } from './text.js';

/** @typedef {Record<string, any>} Fields */
/** @typedef {import('./connection.js').Connection} Connection */

const rowPixels = 36;
/** Rows before the end at which the next page is asked for. */
const aheadRows = 30;
const ageMs = 5_000;

/** @param {{ connection: Connection, query: URLSearchParams }} props */
export function SessionsPage({ connection, query }) {
  const search = query.get('q') ?? '';
  /** @param {Record<string, string>} change */
  const move = (change) => {
    const next = new URLSearchParams(query);
    for (const [name, value] of Object.entries(change)) {
      if (value === '') next.delete(name);
      else next.set(name, value);
    }
    location.hash = sessionsHash(next);
  };
  return html`
    <main class="sessions">
      <h1 class="unheard">Sessions</h1>
      <${Filters} query=${query} onMove=${move} />
      ${
        search === ''
          ? html`<${List} key=${sessionsHash(query)} connection=${connection} query=${query} />`
          : html`<${SearchResults} key=${search} api=${connection.api} text=${search} />`
      }
    </main>
  `;
}

const statuses = ['running', 'idle', 'rescheduling', 'terminated'];

/** @param {{ query: URLSearchParams, onMove: (change: Record<string, string>) => void }} props */
function Filters({ query, onMove }) {
  /** @type {{ current: HTMLInputElement | null }} */
  const search = useRef(null);
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const focus = (event) => {
      const isTyping = event.target instanceof HTMLInputElement;
      if (event.key !== '/' || isTyping) return;
      event.preventDefault();
      search.current?.focus();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  /** @type {{ current: HTMLInputElement | null }} */
  const agent = useRef(null);
  /** The key that searches may be pressed in either field. @param {Event} event */
  const find = (event) => {
    event.preventDefault();
    onMove({ q: search.current?.value.trim() ?? '', agent: agent.current?.value.trim() ?? '' });
  };
  /** @param {string} name */
  const take = (name) => (/** @type {Event} */ event) =>
    onMove({ [name]: /** @type {HTMLInputElement} */ (event.currentTarget).value.trim() });
  const isArchived = query.get('archived') === 'true';
  return html`
    <form class="filters" role="search" onSubmit=${find}>
      <label class="unheard" for="search">Search in all sessions</label>
      <input id="search" class="search" type="search" ref=${search} placeholder="Search in all events   /" defaultValue=${query.get('q') ?? ''} key=${query.get('q') ?? ''} onSearch=${(/** @type {Event} */ event) => isCleared(event) && find(event)} />
      <button type="submit" class="unheard" tabindex="-1">Search</button>
      <label>Status
        <select value=${query.get('status') ?? ''} onChange=${take('status')}>
          <option value="">any</option>
          ${statuses.map((status) => html`<option key=${status} value=${status}>${status}</option>`)}
        </select>
      </label>
      <label>Agent
        <input type="text" class="agent-filter" ref=${agent} placeholder="a part of its name" spellcheck=${false} defaultValue=${query.get('agent') ?? ''} onChange=${take('agent')} />
      </label>
      <label class="check">
        <input type="checkbox" checked=${isArchived} onChange=${() => onMove({ archived: isArchived ? '' : 'true' })} />
        archived
      </label>
      <${Order} query=${query} onMove=${onMove} />
    </form>
  `;
}

/** What of the address tells each order. @type {[label: string, by: string, order: string][]} */
const orders = [
  ['newest first', '', ''],
  ['oldest first', '', 'asc'],
  ['last changed first', 'changed', ''],
  ['longest unchanged first', 'changed', 'asc'],
];

/** @param {{ query: URLSearchParams, onMove: (change: Record<string, string>) => void }} props */
function Order({ query, onMove }) {
  const by = isByChange(query) ? 'changed' : '';
  const order = query.get('order') === 'asc' ? 'asc' : '';
  const at = orders.findIndex(([, ...is]) => is[0] === by && is[1] === order);
  /** @param {Event} event */
  const take = (event) => {
    const select = /** @type {HTMLSelectElement} */ (event.currentTarget);
    const [, nextBy = '', nextOrder = ''] = orders[Number(select.value)] ?? [];
    onMove({ by: nextBy, order: nextOrder });
  };
  return html`
    <label>Order
      <select value=${at} onChange=${take}>
        ${orders.map(([label], index) => html`<option key=${label} value=${index}>${label}</option>`)}
      </select>
    </label>
  `;
}

/** @param {{ connection: Connection, query: URLSearchParams }} props */
function List({ connection, query }) {
  const [turn, changed] = useReducer((/** @type {number} */ last) => last + 1, 0);
  const list = useMemo(() => new SessionList(connection.api, query, () => changed(0)), []);
  const [nowMs, setNow] = useState(Date.now);
  useEffect(() => {
    void list.reload();
    const beat = setInterval(() => setNow(Date.now()), ageMs);
    const leave = connection.live.subscribe(
      { fleet: true },
      { changed: ({ sessions }) => list.take(sessions) },
    );
    return () => {
      clearInterval(beat);
      leave();
    };
  }, []);
  const { rows, news, isLoaded, problem } = list;
  const scrollTo = useRef((/** @type {number} */ _index) => {});
  const showNews = () => list.reload().then(() => scrollTo.current(0));
  return html`
    <div class="table" data-turn=${turn}>
      <div class="table-head" aria-hidden="true">
        <span>Session</span><span>Status</span><span>Agent</span><span>Activity</span><span>Last 2 min</span><span class="number">Events</span>
        <span class="number">Turns</span><span class="number">Tokens</span><span class="number">Cost</span><span class="number">Active</span><span class="number">${list.isByChange ? 'Changed' : 'Age'}</span>
      </div>
      ${news.size > 0 && html`<button type="button" class="pill" onClick=${showNews}>${news.size} ${list.isByChange ? 'changed' : 'new'}</button>`}
      ${problem !== '' && html`<p class="problem" role="alert">${problem}</p>`}
      ${isLoaded && rows.length === 0 && problem === '' && html`<p class="none">No session is like that. <a href="#/sessions">Show all</a></p>`}
      ${!isLoaded && html`<p class="none">Loading …</p>`}
      <${RowList}
        label="Sessions"
        count=${rows.length}
        hasMore=${list.hasMore}
        rowPixels=${rowPixels}
        keyOf=${(/** @type {number} */ index) => rows[index]?.['id'] ?? index}
        renderRow=${(/** @type {number} */ index) => html`<${Row} row=${rows[index] ?? {}} nowMs=${nowMs} list=${list} />`}
        onView=${(/** @type {number} */ endIndex) => {
          if (endIndex > list.rows.length - aheadRows) void list.loadMore();
        }}
        onScroller=${(/** @type {(index: number) => void} */ scroll) => {
          scrollTo.current = scroll;
        }}
      />
    </div>
  `;
}

/** @param {{ row: Fields, nowMs: number, list: SessionList }} props */
function Row({ row, nowMs, list }) {
  if (row['deleted'] === true) {
    return html`<div class="table-row gone"><span><${Text} text=${titleOf(row)} /></span><span>deleted</span></div>`;
  }
  const tokens = tokenCount(row['usage']);
  const orderedAt = row[list.isByChange ? 'state_changed_at' : 'created_at'];
  return html`
    <a class="table-row" href=${sessionHash(row['id'])}>
      <span class="cell-title"><${Text} text=${titleOf(row)} /></span>
      <span><${StateMark} state=${stateOf(row, nowMs)} /></span>
      <span class="cell-agent"><${Text} text=${agentOf(row)} /></span>
      <${PastSparkline} times=${row['event_times']} />
      <${Sparkline} counts=${list.activity.countsOf(row['id'], nowMs)} slots=${bucketCount} span="in the last two minutes" />
      <span class="number">${shortCount(row['event_count'])}</span>
      <span class="number">${row['turns']}</span>
      <span class="number">${tokens === 0 ? '' : shortCount(tokens)}</span>
      <span class="number">${money(row['usage']?.['list_cost'])}</span>
      <span class="number" title=${dateTime(row['updated_at'])}>${age(row['updated_at'], nowMs)}</span>
      <span class="number" title=${dateTime(orderedAt)}>${age(orderedAt, nowMs)}</span>
    </a>
  `;
}
