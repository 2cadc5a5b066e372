// Where a session's events are delivered to, what became of each, and what may be done about it.

import { useEffect, useState } from 'preact/hooks';
import { messageOf } from './api.js';
import { counted, dateTime } from './formats.js';
import { html } from './render.js';
import { StateMark, Text } from './text.js';

/** @typedef {Record<string, any>} Fields */
/** @typedef {import('./session-model.js').SessionModel} SessionModel */

/** What is delivered changes no session: it is looked at again while somebody looks. */
const lookAgainMs = 2_000;

/** @param {SessionModel} model */
const pathOf = ({ name }) => `/v3/sessions/${encodeURIComponent(name)}`;

/** @param {{ model: SessionModel }} props */
export function DeliveriesTab({ model }) {
  const [told, setTold] = useState(/** @type {Fields | undefined} */ (undefined));
  const path = pathOf(model);
  const look = () =>
    Promise.all([
      model.api.json(`${path}/destinations`),
      model.api.json(`${path}/deliveries?limit=1000`),
    ]).then(
      ([destinations, deliveries]) =>
        setTold({ destinations: destinations['data'], deliveries: deliveries['data'] }),
      (cause) => setTold({ problem: messageOf(cause) }),
    );
  useEffect(() => {
    void look();
    const timer = setInterval(look, lookAgainMs);
    return () => clearInterval(timer);
  }, []);
  if (told === undefined) return html`<p class="none">Loading …</p>`;
  if (told['problem'] !== undefined) return html`<p class="problem">${told['problem']}</p>`;
  /** @param {string} method @param {string} rest @param {Fields} [body] */
  const act = (method, rest, body) => () =>
    model.attempt(() => model.api.json(`${path}/${rest}`, { method, body: body ?? {} })).then(look);
  const { destinations, deliveries } = told;
  const isNothing = destinations.length === 0 && deliveries.length === 0;
  return html`
    ${isNothing && html`<p class="none">Nobody has its events delivered.</p>`}
    ${destinations.map((/** @type {Fields} */ destination) => html`<${Destination} key=${destination['id']} destination=${destination} act=${act} />`)}
    ${deliveries.length > 0 && html`<h3>Deliveries</h3>`}
    <ul class="plain">
      ${[...deliveries].reverse().map((/** @type {Fields} */ delivery) => html`<${Delivery} key=${delivery['id']} delivery=${delivery} model=${model} act=${act} />`)}
    </ul>
  `;
}

/** @param {{ destination: Fields, act: (method: string, rest: string, body?: Fields) => () => Promise<unknown> }} props */
function Destination({ destination, act }) {
  const { id, url, level, types, enabled, dead, pending } = destination;
  const place = `destinations/${id}`;
  const wants = types === null ? `level ${level}` : `level ${level}: ${types.join(', ')}`;
  return html`
    <section class="raw">
      <header>
        <h3><${Text} text=${url} /></h3>
        <${StateMark} state=${enabled ? 'running' : 'paused'} />
      </header>
      <p class="fact">${wants} · ${pending} waiting · ${dead} dead</p>
      <div class="raw-acts">
        <button type="button" class="link" onClick=${act('PATCH', place, { enabled: !enabled })}>${enabled ? 'Pause deliveries' : 'Go on'}</button>
        ${dead > 0 && html`<button type="button" class="link" onClick=${act('POST', `${place}/redeliver`, { status: 'dead_letter' })}>Deliver the dead again</button>`}
      </div>
    </section>
  `;
}

/** @type {Record<string, string>} */
const states = { delivered: 'idle', dead_letter: 'terminated', failed: 'rescheduling' };

/** @param {{ delivery: Fields, model: SessionModel, act: (method: string, rest: string) => () => Promise<unknown> }} props */
function Delivery({ delivery, model, act }) {
  const { id, event_seq: seq, status, attempts, response_code: code, error } = delivery;
  const next = delivery['next_attempt_at'];
  const answer = error ?? (code === undefined ? '' : `status ${code}`);
  return html`
    <li>
      <button type="button" class="link" title="its event" onClick=${() => model.show(seq - 1)}>event ${seq - 1}</button>
      <span class="state state-${states[status] ?? 'idle'}"><i aria-hidden="true"></i>${status}</span>
      <span class="fact">${counted(attempts, 'attempt')}${answer === '' ? '' : html` · <${Text} text=${answer} />`}${next === undefined ? '' : ` · next ${dateTime(next)}`}</span>
      <button type="button" class="link" onClick=${act('POST', `deliveries/${encodeURIComponent(id)}/redeliver`)}>Deliver again</button>
    </li>
  `;
}
