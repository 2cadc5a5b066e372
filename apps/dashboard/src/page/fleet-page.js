// The first page: what goes on now, and whom it waits for.

import { useEffect, useState } from 'preact/hooks';
import { messageOf } from './api.js';
import { CountersPlot } from './counters-plot.js';
import { EmptyServer } from './empty-server.js';
import { boards, CounterHistory, FleetBoard } from './fleet-board.js';
import { age, counted, duration, shortCount } from './formats.js';
import { quantileBetween, readFigures } from './process-figures.js';
import { html } from './render.js';
import { sessionHash } from './routes.js';
import { agentOf, titleOf } from './session-states.js';
import { StateMark, Text } from './text.js';

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./fleet-board.js').Entry} Entry */

/** Of each list, so many are shown: the rest is in the list of sessions. */
const shownMax = 50;
const listMax = 500;

/** @param {Connection} connection */
function createFleet({ api, live }) {
  const board = new FleetBoard();
  const history = new CounterHistory();
  const fleet = {
    board,
    history,
    isLoaded: false,
    active: /** @type {number | undefined} */ (undefined),
    problem: '',
    async load() {
      // The newest, and whatever runs however old it is.
      const pages = await Promise.all([
        api.json(`/v1/sessions?limit=${listMax}`),
        api.json(`/v1/sessions?limit=${listMax}&statuses[]=running`),
      ]);
      for (const { data } of pages) board.take(data);
      fleet.isLoaded = true;
    },
    /** @param {() => void} changed */
    start(changed) {
      const load = () =>
        fleet.load().then(changed, (cause) => {
          fleet.problem = messageOf(cause);
          changed();
        });
      void load();
      const leaves = [
        live.subscribe(
          { fleet: true },
          {
            // What happened meanwhile, or while the socket was lost, is in the list.
            began: () => void load(),
            changed: ({ sessions, has_more: hasMore }) => {
              board.take(sessions);
              if (hasMore) void load();
              changed();
            },
          },
        ),
        live.subscribe(
          { counters: true },
          {
            changed: (counts) => {
              history.take(/** @type {any} */ (counts));
              fleet.active = counts.sessions;
              changed();
            },
          },
        ),
      ];
      return () => {
        for (const leave of leaves) leave();
      };
    },
  };
  return fleet;
}

/** @param {{ connection: Connection }} props */
export function FleetPage({ connection }) {
  const [fleet] = useState(() => createFleet(connection));
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let frame = 0;
    const leave = fleet.start(() => {
      if (frame === 0) {
        frame = requestAnimationFrame(() => {
          frame = 0;
          setTurn((last) => last + 1);
        });
      }
    });
    return () => {
      cancelAnimationFrame(frame);
      leave();
    };
  }, []);
  const { board, history, isLoaded, active, problem } = fleet;
  if (isLoaded && board.size === 0) return html`<${EmptyServer} />`;
  const lists = board.lists();
  const { times, events, bytes } = history;
  return html`
    <main class="fleet">
      <h1 class="unheard">Fleet</h1>
      ${problem !== '' && html`<p class="problem" role="alert">${problem}</p>`}
      <section class="plots" aria-label="Throughput">
        <${CountersPlot} title="Events per second" unit="" times=${times} values=${events} turn=${turn} />
        <${CountersPlot} title="Bytes per second" unit="B" times=${times} values=${bytes} turn=${turn} />
        <dl class="figures">
          <div><dt>active in the last second</dt><dd>${shortCount(active ?? 0)}</dd></div>
          <div><dt>running</dt><dd>${lists.running.length}</dd></div>
          <div><dt>waiting for a person</dt><dd>${lists.waiting.length}</dd></div>
          <div><dt>failed</dt><dd>${lists.failed.length}</dd></div>
        </dl>
        <${ProcessFigures} />
      </section>
      <div class="boards">
        ${boards.map((name) => html`<${Board} key=${name} name=${name} entries=${lists[name]} isLoaded=${isLoaded} />`)}
      </div>
    </main>
  `;
}

const figuresMs = 5_000;

/** @typedef {import('./process-figures.js').Figures} Figures */

/** Of the process that serves this page. */
function ProcessFigures() {
  const [[before, figures], setReadings] = useState(
    /** @type {[Figures | undefined, Figures | undefined]} */ ([undefined, undefined]),
  );
  useEffect(() => {
    const read = () => void readFigures().then((next) => setReadings(([, last]) => [last, next]));
    read();
    const beat = setInterval(read, figuresMs);
    return () => clearInterval(beat);
  }, []);
  if (figures === undefined) return null;
  const { followers = 0, sockets = 0, publishSeconds, tieringSeconds, stoppedShards = 0 } = figures;
  const lag = (/** @type {number | undefined} */ seconds) =>
    seconds === undefined ? '' : duration(seconds * 1_000);
  return html`
    <dl class="figures" aria-label="This process">
      <div><dt>followers</dt><dd>${shortCount(followers + sockets)}</dd></div>
      ${appendTimes(before, figures)}
      ${publishSeconds !== undefined && html`<div><dt>index behind by</dt><dd>${lag(publishSeconds)}</dd></div>`}
      ${tieringSeconds !== undefined && html`<div><dt>segments behind by</dt><dd>${lag(tieringSeconds)}</dd></div>`}
      <div><dt>shards that have stopped</dt><dd class=${stoppedShards > 0 ? 'bad' : ''}>${stoppedShards}</dd></div>
    </dl>
  `;
}

/**
 * Since the reading before, or since the process began.
 * @param {Figures | undefined} before
 * @param {Figures} now
 */
function appendTimes(before, now) {
  const [middle, high] = [0.5, 0.95].map((part) =>
    quantileBetween(before?.commits ?? [], now.commits, part),
  );
  if (middle === undefined || high === undefined) return null;
  return html`<div><dt>appends, p50 and p95</dt><dd>${shortTime(middle)}, ${shortTime(high)}</dd></div>`;
}

/** @param {number} seconds */
const shortTime = (seconds) =>
  seconds < 0.01 ? `${(seconds * 1_000).toFixed(1)} ms` : duration(seconds * 1_000);

/** @type {Record<string, { title: string, none: string }>} */
const captions = {
  running: { title: 'Running', none: 'No session runs.' },
  waiting: { title: 'Waiting for a person', none: 'Nobody is waited for.' },
  failed: { title: 'Failed', none: 'No session has failed.' },
};

/** @param {{ name: string, entries: readonly Entry[], isLoaded: boolean }} props */
function Board({ name, entries, isLoaded }) {
  const { title, none } = captions[name] ?? { title: name, none: '' };
  const nowMs = Date.now();
  const beyond = entries.length - shownMax;
  return html`
    <section class="board board-${name}" aria-label=${title}>
      <h2>${title}<span class="count">${entries.length}</span></h2>
      ${entries.length === 0 && html`<p class="none">${isLoaded ? none : 'Loading …'}</p>`}
      <ul>
        ${entries.slice(0, shownMax).map(({ row, state, sinceMs }) => html`<${Card} key=${row['id']} row=${row} state=${state} since=${age(new Date(sinceMs).toISOString(), nowMs)} />`)}
      </ul>
      ${beyond > 0 && html`<p class="none"><a href="#/sessions">${beyond} more</a></p>`}
    </section>
  `;
}

/** @param {{ row: Record<string, any>, state: string, since: string }} props */
function Card({ row, state, since }) {
  const pending = row['pending_event_ids']?.length ?? 0;
  const said =
    state === 'failed'
      ? String(row['error'])
      : state === 'waiting'
        ? `waits for ${counted(pending, 'answer')}`
        : `${counted(row['event_count'], 'event')}, ${counted(row['turns'], 'turn')}`;
  return html`
    <li>
      <a class="card" href=${sessionHash(row['id'])}>
        <span class="card-line">
          <span class="card-title"><${Text} text=${titleOf(row)} /></span>
          <span class="card-age">${since}</span>
        </span>
        <span class="card-line">
          <span class="card-agent"><${Text} text=${agentOf(row)} /></span>
          <span class="card-said">${
            state === 'recovering' || state === 'stuck'
              ? html`<${StateMark} state=${state} />`
              : html`<${Text} text=${said} />`
          }</span>
        </span>
      </a>
    </li>
  `;
}
