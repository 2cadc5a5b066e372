// Links with which somebody without a key reads this one session, or a part of it, for a while.

import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from './api.js';
import { dateTime } from './formats.js';
import { html } from './render.js';
import { sessionHash } from './routes.js';

/** @typedef {Record<string, any>} Fields */

const lifetimes = [
  ['an hour', 3_600],
  ['eight hours', 28_800],
  ['a day', 86_400],
];

/**
 * What is shown where that is not all.
 * @param {Fields} share
 * @returns {string[]}
 */
export function shareWords({ first_seq: first, last_seq: last, redacted }) {
  const number = (/** @type {number} */ seq) => seq.toLocaleString('en');
  const words = [];
  if (last !== null) words.push(`events ${number(first)} to ${number(last)}`);
  else if (first > 0) words.push(`events from ${number(first)} on`);
  if (redacted) words.push('without contents');
  return words;
}

const wholeShare = { first_seq: 0, last_seq: null, redacted: false };

/** @typedef {{ first: string, last: string, isBare: boolean }} PartFields as they were typed */

/** @param {PartFields} part */
const shareFields = ({ first, last, isBare }) => ({
  ...(first !== '' && { first_seq: Number(first) }),
  ...(last !== '' && { last_seq: Number(last) }),
  ...(isBare && { redacted: true }),
});

/** @param {{ model: import('./session-model.js').SessionModel, onClose: () => void }} props */
export function ShareDialog({ model, onClose }) {
  /** @type {{ current: HTMLDialogElement | null }} */
  const dialog = useRef(null);
  const [tokens, setTokens] = useState(/** @type {Fields[]} */ ([]));
  const [seconds, setSeconds] = useState(3_600);
  const [part, setPart] = useState({ first: '', last: '', isBare: false });
  const [link, setLink] = useState('');
  const [problem, setProblem] = useState('');
  const { api, path, name } = model;
  /** @param {() => Promise<void>} act */
  const attempt = (act) =>
    act()
      .then(async () => setTokens((await api.json(`${path}/tokens`))['data']))
      .catch((cause) => setProblem(messageOf(cause)));
  useEffect(() => {
    dialog.current?.showModal();
    void attempt(async () => undefined);
  }, []);
  const make = () =>
    attempt(async () => {
      const body = { scopes: ['read'], ttl_seconds: seconds, ...shareFields(part) };
      const { token } = await api.json(`${path}/tokens`, { method: 'POST', body });
      const hash = sessionHash(name, { token }, 'shared');
      setLink(`${location.origin}${location.pathname}${hash}`);
    });
  /** @param {string} id */
  const revoke = (id) =>
    attempt(async () => {
      await api.ask(`${path}/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' });
    });
  return html`
    <dialog class="dialog" ref=${dialog} onClose=${onClose} aria-labelledby="share-title">
      <h2 id="share-title">Share to read</h2>
      <p>Whoever has the link reads this session and nothing else, until its time is over or it is revoked.</p>
      <${Part} part=${part} onPart=${setPart} seqMax=${model.window.tailSeq} />
      <div class="share-make">
        <label>For
          <select value=${String(seconds)} onChange=${(/** @type {any} */ event) => setSeconds(Number(event.currentTarget.value))}>
            ${lifetimes.map(([word, value]) => html`<option key=${value} value=${String(value)}>${word}</option>`)}
          </select>
        </label>
        <button type="button" class="primary" onClick=${make}>Make a link</button>
      </div>
      ${link !== '' && html`<${ShareLink} key=${link} link=${link} />`}
      ${problem !== '' && html`<p class="problem" role="alert">${problem}</p>`}
      ${tokens.length > 0 && html`<${Tokens} tokens=${tokens} onRevoke=${revoke} />`}
      <div class="dialog-end"><button type="button" onClick=${() => dialog.current?.close()}>Close</button></div>
    </dialog>
  `;
}

/** @param {{ part: PartFields, onPart: (part: PartFields) => void, seqMax: number }} props */
function Part({ part, onPart, seqMax }) {
  /** @param {'first' | 'last'} end */
  const take = (end) => (/** @type {any} */ event) =>
    onPart({ ...part, [end]: event.currentTarget.value });
  const bare = (/** @type {any} */ event) =>
    onPart({ ...part, isBare: event.currentTarget.checked });
  return html`
    <fieldset class="share-part">
      <legend>What is shown</legend>
      <div>
        <label>Only events <input type="number" min="0" max=${seqMax} placeholder="first" value=${part.first} onInput=${take('first')} /></label>
        <label>to <input type="number" min="0" placeholder="the end" value=${part.last} onInput=${take('last')} /></label>
      </div>
      <label><input type="checkbox" checked=${part.isBare} onChange=${bare} />Without contents: what happened and when, not what was said</label>
    </fieldset>
  `;
}

/** @param {{ link: string }} props */
function ShareLink({ link }) {
  const [isCopied, setCopied] = useState(false);
  const copy = () => navigator.clipboard.writeText(link).then(() => setCopied(true));
  return html`
    <div class="share-link">
      <label for="share-link">It is shown once</label>
      <input id="share-link" readonly value=${link} onFocus=${(/** @type {any} */ event) => event.currentTarget.select()} />
      <button type="button" onClick=${copy}>${isCopied ? 'Copied' : 'Copy'}</button>
    </div>
  `;
}

/** @param {{ tokens: readonly Fields[], onRevoke: (id: string) => void }} props */
const Tokens = ({ tokens, onRevoke }) => html`
  <table class="tokens">
    <caption>Links that are good</caption>
    <tbody>
      ${tokens.map(
        ({ id, scopes, share = wholeShare, expires_at: expires }) => html`
          <tr key=${id}>
            <td><code>${id}</code></td><td>${[...scopes, ...shareWords(share)].join(', ')}</td><td>until ${dateTime(expires)}</td>
            <td><button type="button" class="danger" onClick=${() => onRevoke(id)}>Revoke</button></td>
          </tr>
        `,
      )}
    </tbody>
  </table>
`;
