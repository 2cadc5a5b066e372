// What is asked for when its tab is opened.

import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from './api.js';
import { dateTime } from './formats.js';
import { html } from './render.js';
import { sessionHash } from './routes.js';
import { agentOf } from './session-states.js';
import { placeNow } from './session-tools.js';
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

/**
 * Facts as they stood at the event where one is; while one follows, as they are. One answer is waited for at a
 * time: whoever drags the slider sees the newest that came.
 * @param {SessionModel} model
 */
function useFacts(model) {
  const seq = model.isFollowing.value ? undefined : placeNow(model);
  const changedAt = model.session.value?.['updated_at'];
  const [answer, setAnswer] = useState(/** @type {Fields | undefined} */ (undefined));
  const asking = useRef({ isBusy: false, isGone: false, wanted: { path: '' } });
  useEffect(() => {
    const state = asking.current;
    state.isGone = false;
    return () => {
      state.isGone = true;
    };
  }, []);
  useEffect(() => {
    const state = asking.current;
    state.wanted = { path: seq === undefined ? 'facts' : `facts?at_seq=${seq}` };
    if (!state.isBusy) void askForFacts(model, state, setAnswer);
  }, [seq, changedAt]);
  return answer;
}

/**
 * @param {SessionModel} model
 * @param {{ isBusy: boolean, isGone: boolean, wanted: { path: string } }} state
 * @param {(answer: Fields) => void} onAnswer
 */
async function askForFacts(model, state, onAnswer) {
  state.isBusy = true;
  for (let asked; asked !== state.wanted && !state.isGone; ) {
    asked = state.wanted;
    const told = await model.api
      .json(`${model.path}/${asked.path}`)
      .catch((/** @type {unknown} */ cause) => ({ data: [], problem: messageOf(cause) }));
    const [, seq] = asked.path.split('=');
    if (!state.isGone) onAnswer({ ...told, at: seq && Number(seq) });
  }
  state.isBusy = false;
}

/** @param {{ answer: Fields | undefined }} props */
function FactsMoment({ answer }) {
  const { at, known_from_seq: from } = answer ?? {};
  if (at === undefined) return null;
  const unknown = at < from ? ` What was replaced before event ${from} is not kept.` : '';
  return html`<p class="none">As they stood at event ${at.toLocaleString('en')}.${unknown}</p>`;
}

/** @param {{ model: SessionModel }} props */
export function FactsTab({ model }) {
  model.watch();
  const answer = useFacts(model);
  return html`
    <${FactsMoment} answer=${answer} />
    <${Absence} answer=${answer} none="No fact is kept." />
    <ul class="plain">
      ${(answer?.['data'] ?? []).map(
        (/** @type {Fields} */ { key, version, value, forgotten, updated_at: at }) => html`
          <li key=${key}>
            <strong><${Text} text=${key} /></strong><span class="fact">version ${version}, ${dateTime(at)}</span>
            ${
              forgotten === true
                ? html`<p class="none">Deleted since, and its value with it.</p>`
                : html`<pre class="code"><${Text} text=${JSON.stringify(value, undefined, 2)} /></pre>`
            }
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
