// Beside the transcript: the session, the selected event, and what only the server knows.

import { useState } from 'preact/hooks';
import { DeliveriesTab } from './deliveries-tab.js';
import { AuditTab, FactsTab, ThreadsTab } from './inspector-lists.js';
import { EventTab, SessionTab, ToolsTab } from './inspector-tabs.js';
import { html } from './render.js';

/** @typedef {import('./session-model.js').SessionModel} SessionModel */

/** @type {Record<string, (props: { model: SessionModel, isShared: boolean }) => any>} */
const tabs = {
  Session: SessionTab,
  Event: EventTab,
  Tools: ToolsTab,
  Threads: ThreadsTab,
  Facts: FactsTab,
  Audit: AuditTab,
  Deliveries: DeliveriesTab,
};
const allNames = Object.keys(tabs);
/** What only its owner may know. */
const sharedNames = allNames.filter((name) => name !== 'Deliveries');

/** All else is of the whole session. */
const partNames = ['Session', 'Event', 'Tools'];

/** @param {{ model: SessionModel, isShared: boolean }} props */
export function Inspector({ model, isShared }) {
  const [tab, setTab] = useState(model.selected.value === undefined ? 'Session' : 'Event');
  const [wasSelected, setWasSelected] = useState(model.selected.value);
  const names = model.share !== undefined ? partNames : isShared ? sharedNames : allNames;
  const selected = model.selected.value;
  // Whoever selects an event wants to see it.
  if (selected !== wasSelected) {
    setWasSelected(selected);
    if (tab === 'Session') setTab('Event');
  }
  const Tab = tabs[tab] ?? SessionTab;
  /** @param {KeyboardEvent} event */
  const turn = (event) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const next = names[(names.indexOf(tab) + step + names.length) % names.length] ?? tab;
    setTab(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return html`
    <aside class="inspector" aria-label="Inspector">
      <div class="tabs" role="tablist" onKeyDown=${turn}>
        ${names.map(
          (name) => html`
            <button key=${name} type="button" role="tab" id="tab-${name}" aria-selected=${name === tab ? 'true' : 'false'}
              aria-controls="tab-panel" tabindex=${name === tab ? 0 : -1} onClick=${() => setTab(name)}>${name}</button>
          `,
        )}
      </div>
      <div class="tab-panel" id="tab-panel" role="tabpanel" aria-labelledby="tab-${tab}" tabindex="0">
        <${Tab} model=${model} isShared=${isShared} />
      </div>
    </aside>
  `;
}
