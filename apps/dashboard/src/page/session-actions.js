// What may be done to a session, and what of it can be taken along.

import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from './render.js';
import { copyText, downloadSession, loadedJson, loadedMarkdown } from './session-export.js';
import { ShareDialog } from './share-dialog.js';

/** @typedef {import('./session-model.js').SessionModel} SessionModel */

/** @param {{ model: SessionModel, isShared: boolean }} props */
export function SessionActions({ model, isShared }) {
  return html`
    <div class="actions">
      <${TakeAlong} model=${model} />
      ${!isShared && html`<${OwnActions} model=${model} />`}
    </div>
  `;
}

/** @param {{ model: SessionModel }} props */
function TakeAlong({ model }) {
  const [said, setSaid] = useState('');
  /** @type {{ current: HTMLDetailsElement | null }} */
  const menu = useRef(null);
  const close = () => menu.current?.removeAttribute('open');
  useEffect(() => {
    /** @param {Event} event */
    const leave = (event) => {
      const isInside = menu.current?.contains(/** @type {Node} */ (event.target)) === true;
      const isEscape = event instanceof KeyboardEvent && event.key === 'Escape';
      if (isEscape || (event.type === 'pointerdown' && !isInside)) close();
    };
    addEventListener('pointerdown', leave);
    addEventListener('keydown', leave);
    return () => {
      removeEventListener('pointerdown', leave);
      removeEventListener('keydown', leave);
    };
  }, []);
  /** @param {string} word @param {() => Promise<unknown>} act */
  const does = (word, act) => () => {
    close();
    void take(word, act);
  };
  /** @param {string} word @param {() => Promise<unknown>} act */
  const take = (word, act) =>
    model.attempt(act).then((isDone) => {
      if (!isDone) return;
      setSaid(word);
      setTimeout(() => setSaid(''), 2_000);
    });
  return html`
    <details class="menu" ref=${menu}>
      <summary>${said === '' ? 'Copy' : said}</summary>
      <div class="menu-list">
        <button type="button" onClick=${does('Copied', () => copyText(loadedJson(model)))}>Copy what is loaded as JSON</button>
        <button type="button" onClick=${does('Copied', () => copyText(loadedMarkdown(model)))}>Copy what is loaded as Markdown</button>
        <button type="button" onClick=${does('Downloaded', () => downloadSession(model))}>Download all as NDJSON</button>
      </div>
    </details>
  `;
}

/** @type {Record<string, string>} */
const acts = { pause: 'Pause', resume: 'Resume' };

/** @param {{ model: SessionModel }} props */
function OwnActions({ model }) {
  const [isSharing, setSharing] = useState(false);
  const [isAsked, setAsked] = useState(false);
  const session = model.session.value ?? {};
  /** @type {string[]} */
  const possible = session['lifecycle']?.possible ?? [];
  /** @param {string} act */
  const does = (act) => () =>
    model.attempt(() => model.api.json(`${model.path}/${act}`, { method: 'POST' }));
  const isRunning = session['status'] === 'running';
  const archive = () => does('archive')().then(() => setAsked(false));
  return html`
    ${isRunning && html`<button type="button" onClick=${() => model.send({ type: 'user.interrupt' })}>Interrupt</button>`}
    ${Object.entries(acts).map(([act, word]) => possible.includes(act) && html`<button key=${act} type="button" onClick=${does(act)}>${word}</button>`)}
    <button type="button" onClick=${() => setSharing(true)}>Share</button>
    ${
      possible.includes('archive') &&
      (isAsked
        ? html`
            <span class="confirm" role="group" aria-label="Archive the session?">
              <span>It can only be read then.</span>
              <button type="button" class="danger" ref=${focused} onClick=${archive}>Archive it</button>
              <button type="button" onClick=${() => setAsked(false)}>Keep</button>
            </span>
          `
        : html`<button type="button" onClick=${() => setAsked(true)}>Archive</button>`)
    }
    ${isSharing && html`<${ShareDialog} model=${model} onClose=${() => setSharing(false)} />`}
  `;
}

/** @param {HTMLElement | null} element */
const focused = (element) => element?.focus();
