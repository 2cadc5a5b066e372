import { useEffect, useState } from 'preact/hooks';
import { messageOf, sessionPath } from './api.js';
import { dateTime } from './formats.js';
import { html } from './render.js';
import { sessionHash, sessionsHash } from './routes.js';
import { Snippet, StateMark, Text } from './text.js';

/** @typedef {Record<string, any>} Fields */

/** @param {{ api: import('./api.js').Api, text: string }} props */
export function SearchResults({ api, text }) {
  const [found, setFound] = useState(
    /** @type {{ data: Fields[], next: string | null, isLoaded: boolean, problem: string }} */ ({
      data: [],
      next: null,
      isLoaded: false,
      problem: '',
    }),
  );
  /** @param {string | null} page */
  const load = async (page) => {
    try {
      const query = new URLSearchParams({ q: text, group: 'session', limit: '20' });
      if (page !== null) query.set('page', page);
      const { data, next_page: next } = await api.json(`/v1/search?${query}`);
      setFound((last) => ({ data: [...last.data, ...data], next, isLoaded: true, problem: '' }));
    } catch (cause) {
      setFound((last) => ({ ...last, isLoaded: true, problem: messageOf(cause) }));
    }
  };
  useEffect(() => void load(null), []);
  const { data, next, isLoaded, problem } = found;
  return html`
    <section class="results" aria-label="Found">
      <p class="results-head" role="status">
        ${isLoaded ? `${data.length}${next === null ? '' : '+'} ${data.length === 1 ? 'session' : 'sessions'}` : 'Searching …'}
        <span> for <strong><${Text} text=${text} /></strong></span>
        <a href=${sessionsHash(new URLSearchParams())}>back to the list</a>
      </p>
      ${problem !== '' && html`<p class="problem" role="alert">${problem}</p>`}
      <ol>
        ${data.map((hit) => html`<${Hit} key=${hit['session_id']} hit=${hit} text=${text} api=${api} />`)}
      </ol>
      ${next !== null && html`<button type="button" class="link" onClick=${() => load(next)}>more</button>`}
    </section>
  `;
}

/** @param {{ hit: Fields, text: string, api: import('./api.js').Api }} props */
function Hit({ hit, text, api }) {
  const { session_id: name, hits, best } = hit;
  const [title, setTitle] = useState('');
  useEffect(() => {
    // Search tells only the name; a title is worth a request, and its absence no word.
    api.json(sessionPath(name)).then(
      (session) => setTitle(String(session['title'] ?? '')),
      () => undefined,
    );
  }, [name]);
  const count = hits !== null && hits > 1 ? `${hits} hits · ` : '';
  return html`
    <li>
      <a class="hit" href=${sessionHash(name, { event: String(best.seq), find: text })}>
        <span class="hit-head">
          <strong><${Text} text=${title === '' ? name : title} /></strong>
          <span class="hit-type"><${Text} text=${best.tool ?? best.type} /></span>
          ${best.is_error && html`<${StateMark} state="failed" />`}
          <span class="hit-rest">${count}${dateTime(best.processed_at)}</span>
        </span>
        <span class="hit-text"><${Snippet} text=${best.snippet} highlights=${best.highlights} /></span>
      </a>
    </li>
  `;
}
