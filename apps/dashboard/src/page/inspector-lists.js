// What is asked for when its tab is opened.

import { useEffect, useState } from 'preact/hooks';
import { messageOf } from './api.js';
import { dateTime } from './formats.js';
import { html } from './render.js';
import { sessionHash } from './routes.js';
import { agentOf } from './session-states.js';
import { StateMark, Text } from './text.js';

/** @typedef {Record<string, any>} Fields */
/** @typedef {import('./session-model.js').SessionModel} SessionModel */

/**
 * @param {SessionModel} model
 * @param {string} list
 */
function useList(model, list) {
  const [answer, setAnswer] = useState(/** @type {Fields | undefined} */ (undefined));
  const changedAt = model.session.value?.['updated_at'];
  useEffect(() => {
    let isCurrent = true;
    model.api.json(`${model.path}/${list}`).then(
      (told) => isCurrent && setAnswer(told),
      (cause) => isCurrent && setAnswer({ data: [], problem: messageOf(cause) }),
    );
    return () => {
      isCurrent = false;
    };
  }, [changedAt]);
  return answer;
}

/** @param {{ answer: Fields | undefined, none: string }} props */
function Absence({ answer, none }) {
  if (answer === undefined) return html`<p class="none">Loading …</p>`;
  if (answer['problem'] !== undefined) return html`<p class="problem">${answer['problem']}</p>`;
  return answer['data'].length === 0 ? html`<p class="none">${none}</p>` : null;
}

/** A thread has events of its own, as a session of its own name. @param {{ model: SessionModel, isShared: boolean }} props */
export function ThreadsTab({ model, isShared }) {
  const answer = useList(model, 'threads');
  return html`
    <${Absence} answer=${answer} none="No thread." />
    <ul class="plain">
      ${(answer?.['data'] ?? []).map(
        (/** @type {Fields} */ thread) => html`
          <li key=${thread['id']}>
            <strong><${Text} text=${agentOf(thread) || 'agent'} /></strong>
            <${StateMark} state=${thread['status']} />
            ${
              thread['parent_thread_id'] === null
                ? html`<span class="fact">primary</span>`
                : !isShared &&
                  html`<a href=${sessionHash(`${model.name}~${thread['id']}`)}>Open</a>`
            }
            <code><${Text} text=${thread['id']} /></code>
          </li>
        `,
      )}
    </ul>
  `;
}

/** @param {{ model: SessionModel }} props */
export function FactsTab({ model }) {
  const answer = useList(model, 'facts');
  return html`
    <${Absence} answer=${answer} none="No fact is kept." />
    <ul class="plain">
      ${(answer?.['data'] ?? []).map(
        (/** @type {Fields} */ { key, version, value, updated_at: at }) => html`
          <li key=${key}>
            <strong><${Text} text=${key} /></strong><span class="fact">version ${version}, ${dateTime(at)}</span>
            <pre class="code"><${Text} text=${JSON.stringify(value, undefined, 2)} /></pre>
          </li>
        `,
      )}
    </ul>
  `;
}

/** @param {{ model: SessionModel }} props */
export function AuditTab({ model }) {
  const answer = useList(model, 'audit');
  const entries = [...(answer?.['data'] ?? [])].reverse();
  return html`
    <${Absence} answer=${answer} none="Nobody has done anything to it yet." />
    <ul class="plain">
      ${entries.map(
        ({ act, by, at, request_id: request }) => html`
          <li key=${`${at} ${request}`}>
            <strong><${Text} text=${act} /></strong> by <code><${Text} text=${by} /></code>
            <span class="fact">${dateTime(at)} · ${request}</span>
          </li>
        `,
      )}
    </ul>
    ${answer?.['dropped'] > 0 && html`<p class="none">${answer?.['dropped']} earlier acts are not kept.</p>`}
  `;
}
