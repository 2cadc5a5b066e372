// One session: what was said and done in it, what is being written, and what may be done about it.

import { useEffect, useMemo, useState } from 'preact/hooks';
import { Composer } from './composer.js';
import { counted, money, tokenCount } from './formats.js';
import { Inspector } from './inspector.js';
import { mapKeys } from './map-controls.js';
import { Minimap } from './minimap.js';
import { html } from './render.js';
import { SessionActions } from './session-actions.js';
import { SessionModel } from './session-model.js';
import { agentOf, stateOf, titleOf } from './session-states.js';
import { Finder, Scrubber } from './session-tools.js';
import { shareWords } from './share-dialog.js';
import { StateMark, Text } from './text.js';
import { TranscriptView } from './transcript-view.js';
import { visibleText } from './visible-text.js';

/** @typedef {{ connection: import('./connection.js').Connection, name: string, query: URLSearchParams, isShared: boolean }} Props */

/** @param {Props} props */
export function SessionPage({ connection, name, query, isShared }) {
  const model = useMemo(() => new SessionModel(connection, name), []);
  const [isHelp, setHelp] = useState(false);
  const event = query.get('event');
  useEffect(() => {
    void model.open(event, query.get('find') ?? '');
    return () => model.close();
  }, []);
  // A link to another event of the session that is open already.
  useEffect(() => {
    if (event !== null && model.session.value !== undefined) void model.goTo(event);
  }, [event]);
  useEffect(() => {
    /** @param {KeyboardEvent} key */
    const take = (key) => {
      if (key.key === 'Escape') setHelp(false);
      takeKey(model, key, () => setHelp((is) => !is));
    };
    addEventListener('keydown', take);
    return () => removeEventListener('keydown', take);
  }, []);
  const session = model.session.value;
  useEffect(() => {
    document.title =
      session === undefined ? 'Tidemark' : `${visibleText(titleOf(session))} · Tidemark`;
    return () => {
      document.title = 'Tidemark';
    };
  }, [session && titleOf(session)]);
  const problem = model.problem.value;
  return html`
    <main class="session">
      <${Head} model=${model} isShared=${isShared} />
      ${problem !== '' && html`<p class="problem" role="alert">${problem}<button type="button" class="link" onClick=${() => dismiss(model)}>dismiss</button></p>`}
      <div class="tools-line">
        <${Scrubber} model=${model} />
        ${model.share === undefined && html`<${Finder} model=${model} />`}
      </div>
      <${Minimap} model=${model} />
      <div class="panes">
        <div class="reading">
          <${TranscriptView} model=${model} />
          ${!isShared && html`<${Composer} model=${model} />`}
        </div>
        <${Inspector} model=${model} isShared=${isShared} />
      </div>
      ${isHelp && html`<${KeyHelp} onClose=${() => setHelp(false)} />`}
    </main>
  `;
}

/** @param {SessionModel} model */
const dismiss = (model) => {
  model.problem.value = '';
};

/** @param {{ model: SessionModel, isShared: boolean }} props */
function Head({ model, isShared }) {
  const session = model.session.value;
  if (session === undefined)
    return html`<header class="session-head"><h1><${Text} text=${model.name} /></h1></header>`;
  if (model.share !== undefined) return html`<${SharedHead} model=${model} share=${model.share} />`;
  const cost = money(session['usage']?.['list_cost']);
  const facts = [
    counted(session['event_count'], 'event'),
    counted(session['turns'], 'turn'),
    counted(tokenCount(session['usage']), 'token'),
    ...(cost === '' ? [] : [cost]),
  ];
  return html`
    <header class="session-head">
      <div class="session-name">
        <h1><${Text} text=${titleOf(session)} /></h1>
        <${StateMark} state=${stateOf(session)} />
        ${agentOf(session) !== '' && html`<span class="fact"><${Text} text=${agentOf(session)} /></span>`}
        ${facts.map((fact) => html`<span key=${fact} class="fact">${fact}</span>`)}
      </div>
      <${SessionActions} model=${model} isShared=${isShared} />
    </header>
  `;
}

/**
 * Of a session of which a share is shown nothing else is known.
 * @param {{ model: SessionModel, share: Record<string, any> }} props
 */
const SharedHead = ({ model, share }) => html`
  <header class="session-head">
    <div class="session-name">
      <h1><${Text} text=${model.name} /></h1>
      ${shareWords(share).map((word) => html`<span key=${word} class="fact">${word}</span>`)}
    </div>
    <${SessionActions} model=${model} isShared />
  </header>
`;

const keys = [
  ['j, k', 'the next, the previous row'],
  ['J, K', 'the next, the previous message of a person'],
  ['Enter', 'open or close the selected row'],
  ['/', 'find in this session'],
  ['n, N', 'the next, the previous that was found'],
  ['g', 'the beginning'],
  ['G', 'the end, and follow it'],
  ['+, -, 0', 'the line closer, farther, and all of it'],
  ['?, Esc', 'this list, and away with it'],
];

/** @param {{ onClose: () => void }} props */
const KeyHelp = ({ onClose }) => html`
  <div class="key-help" role="dialog" aria-label="Keys">
    <h2>Keys</h2>
    <dl>${keys.map(([key, does]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl>
    <button type="button" onClick=${onClose}>Close</button>
  </div>
`;

/**
 * @param {SessionModel} model
 * @param {KeyboardEvent} event
 * @param {() => void} onHelp
 */
function takeKey(model, event, onHelp) {
  const { target } = event;
  const isTyping =
    // A slider takes no text.
    (target instanceof HTMLInputElement && target.type !== 'range') ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement;
  if (isTyping || event.metaKey || event.ctrlKey || event.altKey) return;
  /** @type {Record<string, () => unknown>} */
  const does = {
    j: () => step(model, 1, () => true),
    k: () => step(model, -1, () => true),
    J: () => step(model, 1, ({ who }) => who === 'user'),
    K: () => step(model, -1, ({ who }) => who === 'user'),
    n: () => model.findStep(1),
    N: () => model.findStep(-1),
    g: () => model.show(0),
    G: () => model.goLive(),
    '/': () => document.getElementById('find')?.focus(),
    '?': onHelp,
  };
  const act = does[event.key] ?? mapAct(model, event.key);
  if (
    event.key === 'Enter' &&
    !(target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement)
  ) {
    const row =
      model.selected.value === undefined
        ? undefined
        : model.window.transcript.rowOf(model.selected.value);
    if (row !== undefined) model.toggle(row.key);
  } else if (act !== undefined) {
    event.preventDefault();
    act();
  }
}

/** @param {SessionModel} model @param {string} key */
function mapAct(model, key) {
  const act = mapKeys[key];
  return act && (() => act(model));
}

/**
 * @param {SessionModel} model
 * @param {number} direction
 * @param {(row: import('./transcript.js').Row) => boolean} isWanted
 */
function step(model, direction, isWanted) {
  const { rows, window, selected, view } = model;
  const from = window.transcript.rowOf(selected.value ?? view.value.first)?.index ?? 0;
  for (let index = from + direction; index >= 0 && index < rows.length; index += direction) {
    const row = rows[index];
    if (row === undefined || row.kind === 'turn' || !isWanted(row)) continue;
    selected.value = row.seq;
    model.stopFollowing();
    model.list?.scrollToIndex(index, { align: 'auto' });
    return;
  }
}
