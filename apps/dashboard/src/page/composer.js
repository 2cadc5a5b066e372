// What a person says to the agent, and answers it.

import { useEffect, useRef, useState } from 'preact/hooks';
import { inputSummary } from './event-text.js';
import { html } from './render.js';
import { Text } from './text.js';

/** @typedef {Record<string, any>} Fields */
/** @typedef {import('./session-model.js').SessionModel} SessionModel */

/** @param {{ model: SessionModel }} props */
export function Composer({ model }) {
  const session = model.session.value;
  const state = session?.['lifecycle']?.state;
  if (session === undefined || state === 'closed' || state === 'archived') return null;
  /** @type {string[]} */
  const pending = session['pending_event_ids'] ?? [];
  return html`
    <div class="composer">
      ${pending.map((id) => html`<${Question} key=${id} id=${id} model=${model} />`)}
      <${MessageField} model=${model} />
    </div>
  `;
}

/** @param {{ model: SessionModel }} props */
function MessageField({ model }) {
  const [text, setText] = useState('');
  const [isSending, setSending] = useState(false);
  /** @param {Event} [event] */
  const send = async (event) => {
    event?.preventDefault();
    if (text.trim() === '' || isSending) return;
    setSending(true);
    const isSent = await model.send({ type: 'user.message', content: [{ type: 'text', text }] });
    setSending(false);
    if (!isSent) return;
    setText('');
    void model.goLive();
  };
  /** @param {KeyboardEvent} event */
  const key = (event) => {
    if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) void send(event);
  };
  return html`
    <form class="message-form" onSubmit=${send}>
      <label class="unheard" for="message">Message to the agent</label>
      <textarea id="message" rows="2" placeholder="Message to the agent" value=${text} onKeyDown=${key}
        onInput=${(/** @type {any} */ event) => setText(event.currentTarget.value)}></textarea>
      <button type="submit" class="primary" disabled=${text.trim() === '' || isSending} title="Ctrl+Enter">Send</button>
    </form>
  `;
}

/** @param {{ id: string, model: SessionModel }} props */
function Question({ id, model }) {
  const loaded = model.window.transcript.toolOf(id)?.event;
  const [fetched, setFetched] = useState(/** @type {Fields | undefined} */ (undefined));
  const [isDenying, setDenying] = useState(false);
  /** @type {{ current: HTMLInputElement | null }} */
  const reason = useRef(null);
  useEffect(() => {
    if (loaded !== undefined) return;
    model.api
      .json(`${model.path}/events/${encodeURIComponent(id)}`)
      .then(setFetched, () => undefined);
  }, []);
  useEffect(() => reason.current?.focus(), [isDenying]);
  const event = loaded ?? fetched;
  /** @param {Fields} answer */
  const say = (answer) =>
    model.send({ type: 'user.tool_confirmation', tool_use_id: id, ...answer });
  const deny = (/** @type {Event} */ submit) => {
    submit.preventDefault();
    const message = reason.current?.value.trim() ?? '';
    void say({ result: 'deny', ...(message !== '' && { deny_message: message }) });
  };
  if (event?.['type'] === 'agent.custom_tool_use') return html`<${Outside} event=${event} />`;
  return html`
    <div class="question" role="group" aria-label="A tool call waits for an answer">
      <span class="question-word">Allow this call?</span>
      <strong><${Text} text=${String(event?.['name'] ?? id)} /></strong>
      <code class="question-input"><${Text} text=${inputSummary(event?.['input'])} /></code>
      ${
        isDenying
          ? html`
              <form class="deny" onSubmit=${deny}>
                <input ref=${reason} aria-label="why not" placeholder="why not (the agent reads it)" />
                <button type="submit" class="danger">Deny</button>
                <button type="button" onClick=${() => setDenying(false)}>Back</button>
              </form>
            `
          : html`
              <button type="button" class="primary" onClick=${() => say({ result: 'allow' })}>Allow</button>
              <button type="button" onClick=${() => setDenying(true)}>Deny</button>
            `
      }
    </div>
  `;
}

/** @param {{ event: Fields }} props */
const Outside = ({ event }) => html`
  <div class="question"><span class="question-word">Waits for the result of</span><strong><${Text} text=${String(event['name'])} /></strong></div>
`;
