// Above the transcript: where one is, a way to anywhere, and what is found.

import { useEffect, useRef, useState } from 'preact/hooks';
import { counted, money } from './formats.js';
import { speeds } from './player.js';
import { html } from './render.js';
import { isCleared } from './search-field.js';

/** @typedef {import('./session-model.js').SessionModel} SessionModel */

/** @param {{ model: SessionModel }} props */
export function Scrubber({ model }) {
  model.watch();
  const { headSeq, tailSeq } = model.window;
  const [dragged, setDragged] = useState(/** @type {number | undefined} */ (undefined));
  const end = lastOf(model);
  const here = dragged ?? placeNow(model);
  /** @param {Event} event */
  const valueOf = (event) => Number(/** @type {HTMLInputElement} */ (event.currentTarget).value);
  return html`
    <div class="scrubber">
      <label class="unheard" for="scrub">Seq</label>
      <input
        id="scrub"
        type="range"
        min=${headSeq}
        max=${end}
        value=${here}
        disabled=${tailSeq === headSeq}
        onInput=${(/** @type {Event} */ event) => setDragged(valueOf(event))}
        onChange=${(/** @type {Event} */ event) => {
          setDragged(undefined);
          void model.show(valueOf(event));
        }}
      />
      <${Play} model=${model} />
      <output for="scrub">seq ${here.toLocaleString('en')}<span>, tail ${tailSeq.toLocaleString('en')}</span></output>
      ${model.isAsOfKnown && tailSeq > 0 && html`<${Standing} standing=${model.asOf.at(here)} />`}
    </div>
  `;
}

/** @param {SessionModel} model */
const lastOf = ({ window: { headSeq, tailSeq } }) => Math.max(headSeq, tailSeq - 1);

/** Where one is: at the end, while one follows it. @param {SessionModel} model */
export const placeNow = (model) =>
  model.isFollowing.value ? lastOf(model) : Math.min(placeOf(model), lastOf(model));

/** The selected event while it is in view; else the first that is. @param {SessionModel} model */
function placeOf({ selected, view }) {
  const { first, last } = view.value;
  const at = selected.value;
  return at !== undefined && at >= first && at <= last ? at : first;
}

/** @param {{ model: SessionModel }} props */
function Play({ model }) {
  const { player } = model;
  const isPlaying = player.isPlaying.value;
  const speed = player.speed.value;
  /** @param {Event} event */
  const take = (event) => {
    player.speed.value = Number(/** @type {HTMLSelectElement} */ (event.currentTarget).value);
  };
  return html`
    <button type="button" class="quiet" aria-label=${isPlaying ? 'Stop playing' : 'Play'} disabled=${model.rows.length === 0} onClick=${() => player.toggle()}>${isPlaying ? '❚❚' : '▶'}</button>
    <label class="unheard" for="speed">Speed</label>
    <select id="speed" class="speed" value=${speed} onChange=${take}>
      ${speeds.map((each) => html`<option key=${each} value=${each}>${each}×</option>`)}
    </select>
  `;
}

/** How it stood there. @param {{ standing: import('./as-of.js').Standing }} props */
function Standing({ standing: { status, turns, input, output, cents } }) {
  const facts = [
    status,
    counted(turns, 'turn'),
    counted(input + output, 'token'),
    ...(cents === undefined ? [] : [money({ amount: cents, currency: 'USD' })]),
  ];
  return html`<span class="standing" title="as it stood there">${facts.join(' · ')}</span>`;
}

/** @param {{ model: SessionModel }} props */
export function Finder({ model }) {
  /** @type {{ current: HTMLInputElement | null }} */
  const field = useRef(null);
  const { text, seqs, at, hasMore, isBusy } = model.find.value;
  useEffect(() => {
    if (field.current !== null && document.activeElement !== field.current)
      field.current.value = text;
  }, [text]);
  /** @param {Event} event */
  const find = (event) => {
    event.preventDefault();
    const wanted = field.current?.value.trim() ?? '';
    if (wanted === text && seqs.length > 0) void model.findStep(1);
    else void model.search(wanted);
  };
  const count =
    text === ''
      ? ''
      : isBusy
        ? '…'
        : seqs.length === 0
          ? 'none'
          : `${at + 1} of ${seqs.length}${hasMore ? '+' : ''}`;
  return html`
    <form class="finder" role="search" onSubmit=${find}>
      <label class="unheard" for="find">Find in this session</label>
      <input id="find" type="search" ref=${field} placeholder="Find in this session   /" onSearch=${(/** @type {Event} */ event) => isCleared(event) && find(event)} />
      <span class="find-count" role="status">${count}</span>
      <button type="button" class="quiet" aria-label="previous" disabled=${seqs.length === 0} onClick=${() => model.findStep(-1)}>↑</button>
      <button type="button" class="quiet" aria-label="next" disabled=${seqs.length === 0} onClick=${() => model.findStep(1)}>↓</button>
    </form>
  `;
}
