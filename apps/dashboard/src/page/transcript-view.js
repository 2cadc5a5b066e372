import { useLayoutEffect } from 'preact/hooks';
import { html } from './render.js';
import { Text } from './text.js';
import { rowPixels, TranscriptRow } from './transcript-rows.js';
import { VirtualList } from './virtual-list.js';

/** @typedef {import('./session-model.js').SessionModel} SessionModel */

/** @param {{ model: SessionModel }} props */
export function TranscriptView({ model }) {
  // Rows change where they stand: what is drawn hangs on this count.
  model.watch();
  const { rows, window } = model;
  const previews = [...model.previews.byId.values()];
  const { words } = model.find.value;
  const selected = model.selected.value;
  const selectedRow = selected === undefined ? undefined : window.transcript.rowOf(selected);
  useLayoutEffect(() => model.reachGoal());
  const isFollowing = model.isFollowing.value;
  const { newCount } = model;
  /** @param {number} index */
  const keyOf = (index) => {
    const row = rows[index];
    if (row !== undefined) return row.key;
    // As they are when it is asked, not when this was made.
    const [...ids] = model.previews.byId.keys();
    return `preview ${ids[index - rows.length] ?? index}`;
  };
  /** @param {number} index */
  const renderRow = (index) => {
    const row = rows[index];
    if (row === undefined) return html`<${PreviewRow} preview=${previews[index - rows.length]} />`;
    return html`<${TranscriptRow} row=${row} model=${model} words=${words} isSelected=${row === selectedRow} />`;
  };
  return html`
    <div class="transcript">
      <${VirtualList}
        key=${window.epoch}
        label="Transcript"
        count=${rows.length + previews.length}
        rows=${rows}
        keyOf=${keyOf}
        estimate=${(/** @type {number} */ index) => rowPixels[rows[index]?.kind ?? 'message'] ?? 40}
        renderRow=${renderRow}
        isFollowing=${isFollowing}
        onView=${(/** @type {any} */ view) => model.moved(view)}
        onList=${(/** @type {any} */ list) => opened(model, list)}
      />
      ${rows.length === 0 && html`<p class="none">${model.session.value === undefined ? 'Loading …' : 'No event yet.'}</p>`}
      ${
        !isFollowing &&
        html`<button type="button" class="pill at-end" onClick=${() => model.goLive()}>
          ${newCount > 0 ? `${newCount.toLocaleString('en')} new` : 'Jump to live'}
        </button>`
      }
    </div>
  `;
}

/**
 * @param {SessionModel} model
 * @param {import('./virtual-list.js').List} list
 */
function opened(model, list) {
  model.list = list;
  if (model.isFollowing.value) requestAnimationFrame(() => list.scrollToEnd());
}

/** @param {{ preview: { type: string, text: string } | undefined }} props */
function PreviewRow({ preview }) {
  if (preview === undefined) return null;
  const isThinking = preview.type === 'agent.thinking';
  return html`
    <article class="entry row-message is-preview ${isThinking ? 'by-thinking' : 'by-agent'}">
      <div class="gutter"></div>
      <div class="entry-body">
        <div class="who">${isThinking ? 'Thinking' : 'Agent'}<span class="fact">writes</span></div>
        <p class="prose"><${Text} text=${preview.text} /><span class="caret" aria-hidden="true"></span></p>
      </div>
    </article>
  `;
}
