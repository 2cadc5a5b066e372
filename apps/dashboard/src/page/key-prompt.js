import { useEffect, useRef } from 'preact/hooks';
import { html } from './render.js';

/** @param {{ isShared: boolean, wasTried: boolean, onKey: (key: string) => void }} props */
export function KeyPrompt({ isShared, wasTried, onKey }) {
  /** @type {{ current: HTMLInputElement | null }} */
  const field = useRef(null);
  useEffect(() => field.current?.focus(), []);
  if (isShared) {
    return html`
      <main class="empty">
        <h1>This link is not good any more</h1>
        <p class="lead">Its time is over, or it was revoked. Whoever shared the session can make another.</p>
      </main>
    `;
  }
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    const key = field.current?.value.trim() ?? '';
    if (key !== '') onKey(key);
  };
  return html`
    <main class="empty narrow">
      <h1>Key</h1>
      <p class="lead">This server is asked with a key. It is kept for as long as this tab is open.</p>
      ${wasTried && html`<p class="problem" role="alert">The server does not know this key.</p>`}
      <form class="key-form" onSubmit=${submit}>
        <label for="key">API key</label>
        <input id="key" type="password" autocomplete="off" spellcheck=${false} ref=${field} />
        <button type="submit" class="primary">Open</button>
      </form>
    </main>
  `;
}
