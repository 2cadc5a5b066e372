import { useState } from 'preact/hooks';
import { eventMarkdown } from './event-text.js';
import { byteSize, dateTime, duration, money, shortCount } from './formats.js';
import { html } from './render.js';
import { sessionHash } from './routes.js';
import { copyText } from './session-export.js';
import { agentOf } from './session-states.js';
import { shareWords } from './share-dialog.js';
import { SpendingPlot } from './spending-plot.js';
import { LongText, Text } from './text.js';
import { toolCounts } from './transcript.js';

/** @typedef {Record<string, any>} Fields */
/** @typedef {import('./session-model.js').SessionModel} SessionModel */

/** @param {{ rows: readonly (readonly [string, any])[] }} props */
const Details = ({ rows }) => html`
  <dl class="details">
    ${rows
      .filter(([, value]) => value !== undefined && value !== null && value !== '')
      .map(
        ([name, value]) =>
          html`<div key=${name}><dt>${name}</dt><dd>${typeof value === 'string' ? html`<${Text} text=${value} />` : value}</dd></div>`,
      )}
  </dl>
`;

/** @param {{ model: SessionModel }} props */
export function SessionTab({ model }) {
  const session = model.session.value;
  if (session === undefined) return null;
  if (model.share !== undefined) {
    const rows = [
      ['Id', session['id']],
      ['Shown', shareWords(model.share).join(', ')],
    ];
    return html`<${Details} rows=${rows} />`;
  }
  const { agent, lifecycle, usage, stats, metadata } = session;
  const cached = usage['cache_read_input_tokens'];
  return html`
    <${Details}
      rows=${[
        ['Id', session['id']],
        ['Title', session['title']],
        ['Agent', agentOf(session)],
        ['Model', agentOf(session) === '' ? '' : modelText(agent?.['model'])],
        ['Lifecycle', lifecycle?.['state']],
        ['Stop reason', session['stop_reason']],
        ['Error', session['error']],
        ['Created', dateTime(session['created_at'])],
        ['Changed', dateTime(session['updated_at'])],
        ['Active', duration(Number(stats?.['active_seconds'] ?? 0) * 1_000)],
      ]}
    />
    <h3>Usage</h3>
    <${Details}
      rows=${[
        ['Events', `${shortCount(session['event_count'])}, ${byteSize(session['event_bytes'])}`],
        ['Turns', String(session['turns'])],
        ['Model requests', String(session['model_requests'])],
        ['Tokens in', shortCount(usage['input_tokens'])],
        ['Tokens out', shortCount(usage['output_tokens'])],
        ['From the cache', cached ? shortCount(cached) : undefined],
        ['Cost', money(usage['list_cost'])],
      ]}
    />
    <${Spending} model=${model} session=${session} />
    <${Budgets} session=${session} />
    ${Object.keys(metadata ?? {}).length > 0 && html`<h3>Metadata</h3><${Details} rows=${Object.entries(metadata).map(([name, value]) => [name, String(value)])} />`}
  `;
}

const plotPoints = 200;

/** @param {{ model: SessionModel, session: Fields }} props */
function Spending({ model, session: { budget, limits = {} } }) {
  model.watch();
  if (!model.isAsOfKnown) return null;
  const cents = Number(budget?.['max_list_cost']?.['amount']);
  const common = { standings: model.asOf.some(plotPoints), tailSeq: model.window.tailSeq };
  return html`
    <${SpendingPlot} name="Tokens" ...${common} valueOf=${tokensOf} max=${limits['tokens']} />
    <${SpendingPlot} name="Cost" ...${common} valueOf=${centsOf} max=${Number.isFinite(cents) ? cents : undefined} isMoney />
  `;
}

/** @param {import('./as-of.js').Standing} standing */
const tokensOf = ({ input, output }) => input + output;

/** @param {import('./as-of.js').Standing} standing */
const centsOf = ({ cents = 0 }) => cents;

/** @param {unknown} model */
const modelText = (model) =>
  typeof model === 'object' && model !== null ? String(/** @type {any} */ (model).id ?? '') : model;

/** What may be spent, and how much of it is. @param {{ session: Fields }} props */
function Budgets({ session }) {
  const { limits = {}, budget, usage } = session;
  const tokens = Number(usage['input_tokens']) + Number(usage['output_tokens']);
  const most = budget?.['max_list_cost'];
  const bars = [
    { name: 'Events', used: session['event_count'], max: limits['events'] },
    { name: 'Bytes', used: session['event_bytes'], max: limits['bytes'] },
    { name: 'Tokens', used: tokens, max: limits['tokens'] },
    { name: 'Turns', used: session['turns'], max: limits['turns'] },
    {
      name: 'Cost',
      used: Number(usage['list_cost']?.amount ?? 0),
      max: most && Number(most.amount),
    },
  ].filter(({ max }) => Number.isFinite(max) && max > 0);
  if (bars.length === 0) return null;
  return html`
    <h3>Budget</h3>
    ${bars.map(({ name, used, max }) => {
      const isMoney = name === 'Cost';
      const [usedText, maxText] = [used, max].map((value) =>
        isMoney ? money({ ...most, amount: value }) : shortCount(value),
      );
      return html`
        <label key=${name} class="budget"><span>${name}</span><span>${usedText} of ${maxText}</span>
          <meter min="0" max=${max} high=${max * 0.9} value=${used}></meter></label>
      `;
    })}
  `;
}

const rawFirst = 20_000;

/** @param {{ model: SessionModel, isShared: boolean }} props */
export function EventTab({ model, isShared }) {
  model.watch();
  const seq = model.selected.value;
  const { window } = model;
  const row = seq === undefined ? undefined : window.transcript.rowOf(seq);
  if (seq === undefined || row === undefined) {
    return html`<p class="none">Select an event: by a click, or with j and k.</p>`;
  }
  const places = [...new Set([row.seq, row.resultSeq, seq])].filter((place) => place !== undefined);
  return html`
    ${places
      .sort((one, other) => one - other)
      .map((place) => {
        const event = window.events[place - window.firstSeq];
        return (
          event &&
          html`<${RawEvent} key=${place} seq=${place} event=${event} model=${model} isShared=${isShared} />`
        );
      })}
  `;
}

/** @param {{ seq: number, event: Fields, model: SessionModel, isShared: boolean }} props */
function RawEvent({ seq, event, model, isShared }) {
  const [said, setSaid] = useState('');
  const id = `raw ${seq}`;
  const { name } = model;
  const place = isShared ? 'shared' : 'sessions';
  const link = sessionHash(name, { event: String(event['id']) }, place);
  /** @param {string} word @param {string} text */
  const copy = (word, text) => () => copyText(text).then(() => setSaid(word));
  const raw = JSON.stringify(event, undefined, 2);
  return html`
    <section class="raw">
      <header>
        <h3><${Text} text=${String(event['type'])} /></h3>
        <span class="fact">event ${seq}</span>
      </header>
      <div class="raw-acts">
        <a href=${link}>Permalink</a>
        <button type="button" class="link" onClick=${copy('link', new URL(link, location.href).href)}>Copy link</button>
        <button type="button" class="link" onClick=${copy('JSON', raw)}>Copy JSON</button>
        <button type="button" class="link" onClick=${copy('Markdown', eventMarkdown(event))}>Copy Markdown</button>
        ${!isShared && html`<${Fork} model=${model} seq=${seq} />`}
        <span role="status">${said === '' ? '' : `${said} copied`}</span>
      </div>
      <${LongText} isCode text=${raw} shown=${model.shownOf(id, rawFirst)} onMore=${() => model.showMore(id, rawFirst)} />
    </section>
  `;
}

/** A session of its own that begins as this one, up to and with an event. @param {{ model: SessionModel, seq: number }} props */
function Fork({ model, seq }) {
  const [name, setName] = useState(/** @type {string | undefined} */ (undefined));
  if (name === undefined) {
    const first = `${model.name.split('/').at(-1)}-fork-${seq}`;
    return html`<button type="button" class="link" onClick=${() => setName(first)}>Fork from here</button>`;
  }
  const fork = async (/** @type {Event} */ submit) => {
    submit.preventDefault();
    const isDone = await model.attempt(() => forkSession(model, seq, name));
    if (isDone) location.hash = sessionHash(name);
  };
  return html`
    <form class="fork" onSubmit=${fork}>
      <label>New session <input value=${name} spellcheck=${false} onInput=${(/** @type {any} */ event) => setName(event.currentTarget.value)} /></label>
      <button type="submit" class="primary">Fork</button>
      <button type="button" onClick=${() => setName(undefined)}>Not now</button>
    </form>
  `;
}

/**
 * @param {SessionModel} model
 * @param {number} seq
 * @param {string} name
 */
async function forkSession({ api, path, name: source }, seq, name) {
  // Only the server can say the cursor of a place.
  const before = await api.ask(`${path}/events?from_seq=${seq}&limit=1`);
  const pathOf = (/** @type {string} */ each) =>
    `/v1/stream/${each.split('/').map(encodeURIComponent).join('/')}`;
  await api.ask(pathOf(name), {
    method: 'PUT',
    headers: {
      'content-type': 'application/json',
      'stream-forked-from': pathOf(source),
      'stream-fork-offset': before.headers.get('stream-next-offset') ?? '',
    },
  });
}

/** @param {{ model: SessionModel }} props */
export function ToolsTab({ model }) {
  model.watch();
  const counts = toolCounts(model.rows);
  if (counts.length === 0) return html`<p class="none">No tool was called in what is loaded.</p>`;
  return html`
    <table class="tools">
      <thead><tr><th scope="col">Tool</th><th scope="col">Calls</th><th scope="col">Failed</th><th scope="col">Median</th></tr></thead>
      <tbody>
        ${counts.map(
          ({ name, calls, failures, medianMs, last }) => html`
            <tr key=${name}>
              <th scope="row"><button type="button" class="link" title="its last call" onClick=${() => model.show(last.seq)}><${Text} text=${name} /></button></th>
              <td>${calls}</td><td class=${failures > 0 ? 'bad' : ''}>${failures}</td><td>${duration(medianMs)}</td>
            </tr>
          `,
        )}
      </tbody>
    </table>
    <p class="none">Of the ${model.window.events.length.toLocaleString('en')} events that are loaded.</p>
  `;
}
