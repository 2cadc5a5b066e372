// A row of the transcript, by what it is of.

import { useMemo } from 'preact/hooks';
import { contentText, editsIn, inputSummary, isFields } from './event-text.js';
import { clockTime, duration, money, shortCount } from './formats.js';
import { lineDiff } from './line-diff.js';
import { html } from './render.js';
import { LongText, Text } from './text.js';
import { isFailed, messageText, tookMs } from './transcript.js';

/** @typedef {import('./transcript.js').Row} Row */
/** @typedef {import('./session-model.js').SessionModel} SessionModel */

/** Of a result that is not opened. */
const peek = { lines: 5, chars: 500 };
/** A result that is hardly longer is shown whole. */
const whole = { lines: 9, chars: 700 };
const diffLinesClosed = 14;
const diffLinesMax = 2_000;

/** @param {{ row: Row, model: SessionModel, words: readonly string[], isSelected: boolean }} props */
export function TranscriptRow({ row, model, words, isSelected }) {
  const Body = bodies[row.kind] ?? OtherBody;
  const marks = [
    `row-${row.kind}`,
    row.who === undefined ? '' : `by-${row.who}`,
    isFailed(row) ? 'is-failed' : '',
    isSelected ? 'is-selected' : '',
  ];
  const select = () => {
    model.selected.value = row.seq;
  };
  return html`
    <article class="entry ${marks.join(' ')}" aria-current=${isSelected ? 'true' : undefined} data-seq=${row.seq} onClick=${select}>
      <${Gutter} row=${row} />
      <div class="entry-body"><${Body} row=${row} model=${model} words=${words} /></div>
    </article>
  `;
}

/** @param {{ row: Row }} props */
function Gutter({ row }) {
  const { kind, seq, event } = row;
  return html`
    <div class="gutter">
      <a class="seq" href="#event-${seq}" tabindex="-1" aria-label="event ${seq}" onClick=${(/** @type {Event} */ click) => click.preventDefault()}>${kind === 'turn' ? '' : seq}</a>
      <time>${clockTime(event['processed_at'])}</time>
    </div>
  `;
}

/** @typedef {{ row: Row, model: SessionModel, words: readonly string[] }} BodyProps */

/** @param {BodyProps} props */
function TurnBody({ row }) {
  const { tokens = 0, tools = 0, requests = 0 } = row;
  const facts = [
    duration(tookMs(row)),
    requests === 0 ? '' : `${requests} ${requests === 1 ? 'request' : 'requests'}`,
    tools === 0 ? '' : `${tools} ${tools === 1 ? 'tool call' : 'tool calls'}`,
    tokens === 0 ? '' : `${shortCount(tokens)} tokens`,
  ].filter((fact) => fact !== '');
  return html`<h2 class="turn-head">Turn<span>${facts.join(' · ')}</span></h2>`;
}

/** @type {Record<string, string>} */
const speakers = { user: 'User', agent: 'Agent', system: 'System', thinking: 'Thinking' };

/** @param {BodyProps} props */
function MessageBody({ row, model, words }) {
  const { key, who = '' } = row;
  return html`
    <div class="who">${speakers[who]}</div>
    <${LongText} text=${messageText(row)} words=${words} shown=${model.shownOf(key)} onMore=${() => model.showMore(key)} />
  `;
}

/** @param {BodyProps} props */
function RequestBody({ row }) {
  const { usage = {}, event, state } = row;
  const read = usage['cache_read_input_tokens'];
  const facts = [
    String(event['model'] ?? usage['model'] ?? ''),
    state === 'running' ? 'under way' : duration(tookMs(row)),
    usage['input_tokens'] === undefined ? '' : `${shortCount(usage['input_tokens'])} in`,
    usage['output_tokens'] === undefined ? '' : `${shortCount(usage['output_tokens'])} out`,
    read ? `${shortCount(read)} from the cache` : '',
  ].filter((fact) => fact !== '');
  return html`
    <div class="quiet-line">
      <span>Model request</span>
      ${facts.map((fact) => html`<span class="fact"><${Text} text=${fact} /></span>`)}
      ${state === 'failed' && html`<${Outcome} state="failed" />`}
    </div>
  `;
}

/** @type {Record<string, string>} */
const outcomes = {
  running: 'running',
  elsewhere: 'in a thread',
  waiting: 'waits for an answer',
  allowed: 'allowed',
  denied: 'denied',
  failed: 'failed',
};

/** @param {{ state: string | undefined }} props */
function Outcome({ state = '' }) {
  const word = outcomes[state];
  return word === undefined ? null : html`<span class="outcome outcome-${state}">${word}</span>`;
}

/** @param {BodyProps} props */
function ToolBody({ row, model, words }) {
  const { event, result, state, key } = row;
  const isOpen = model.isOpen(key);
  const edits = editsIn(event['input']);
  const name = String(event['name'] ?? event['type']);
  const server = event['mcp_server_name'];
  return html`
    <button type="button" class="tool-head" aria-expanded=${isOpen} onClick=${() => model.toggle(key)}>
      <span class="twist" aria-hidden="true"></span>
      <span class="tool-name"><${Text} text=${server === undefined ? name : `${server} / ${name}`} /></span>
      <span class="tool-input"><${Text} text=${inputSummary(event['input'])} words=${words} /></span>
      <${Outcome} state=${state} />
      <span class="took">${duration(tookMs(row))}</span>
    </button>
    ${edits.map(({ before, after }, index) => html`<${Diff} key=${index} before=${before} after=${after} isOpen=${isOpen} />`)}
    ${isOpen && edits.length === 0 && html`<${Input} row=${row} model=${model} words=${words} />`}
    ${result !== undefined && html`<${Result} event=${result} id=${`${key} result`} isOpen=${isOpen} model=${model} words=${words} onOpen=${() => model.toggle(key)} />`}
  `;
}

/** @param {BodyProps} props */
function Input({ row, model, words }) {
  const id = `${row.key} input`;
  const { input } = row.event;
  const text = typeof input === 'string' ? input : (JSON.stringify(input, undefined, 2) ?? '');
  return html`<${LongText} isCode text=${text} words=${words} shown=${model.shownOf(id)} onMore=${() => model.showMore(id)} />`;
}

/** @param {{ event: Record<string, any>, id: string, isOpen: boolean, model: SessionModel, words: readonly string[], onOpen: () => void }} props */
function Result({ event, id, isOpen, model, words, onOpen }) {
  const text = contentText(event['content'] ?? event['result'] ?? event['output']);
  if (text === '') return null;
  if (isOpen) {
    return html`<div class="result"><${LongText} isCode text=${text} words=${words} shown=${model.shownOf(id)} onMore=${() => model.showMore(id)} /></div>`;
  }
  const isShort = text.length <= whole.chars && text.split('\n').length <= whole.lines;
  const bounds = isShort ? whole : peek;
  const start = text.slice(0, bounds.chars).split('\n').slice(0, bounds.lines).join('\n');
  const isCut = start.length < text.trimEnd().length;
  return html`
    <div class="result">
      <pre class="code peek"><${Text} text=${start} words=${words} /></pre>
      ${isCut && html`<button type="button" class="link more" onClick=${onOpen}>show all: ${text.length.toLocaleString('en')} characters</button>`}
    </div>
  `;
}

/** @type {Record<string, string>} */
const signs = { same: ' ', old: '-', new: '+' };
/** @type {Record<string, string>} */
const heard = { same: '', old: 'removed: ', new: 'added: ' };

/** @param {{ before: string, after: string, isOpen: boolean }} props */
function Diff({ before, after, isOpen }) {
  const lines = useMemo(() => lineDiff(before, after), [before, after]);
  const shown = lines.slice(0, isOpen ? diffLinesMax : diffLinesClosed);
  return html`
    <div class="diff" role="group" aria-label="the edit">
      ${shown.map(
        ({ kind, text }, index) => html`
          <div key=${index} class="diff-line diff-${kind}">
            <span class="sign" aria-hidden="true">${signs[kind]}</span><span class="unheard">${heard[kind]}</span><${Text} text=${text} />
          </div>
        `,
      )}
      ${lines.length > shown.length && html`<div class="diff-rest">${lines.length - shown.length} more lines</div>`}
    </div>
  `;
}

/** @param {BodyProps} props */
function ResultBody({ row, model, words }) {
  const { event, key } = row;
  return html`
    <div class="quiet-line"><span>Result</span><span class="fact"><${Text} text=${String(event['type'])} /></span></div>
    <${Result} event=${event} id=${key} isOpen=${model.isOpen(key)} model=${model} words=${words} onOpen=${() => model.toggle(key)} />
  `;
}

/** @type {Record<string, string>} */
const stops = {
  end_turn: 'The agent has ended its turn',
  requires_action: 'Waits for a person',
  retries_exhausted: 'Gave up after its retries',
};

/** @param {BodyProps} props */
function StatusBody({ row }) {
  const { event } = row;
  const type = String(event['type']);
  const stop = isFields(event['stop_reason']) ? String(event['stop_reason']['type']) : '';
  const said =
    type === 'session.status_idle' ? (stops[stop] ?? (stop || 'Idle')) : statusText(event);
  return html`<div class="quiet-line"><span><${Text} text=${said} /></span></div>`;
}

/** @param {Record<string, any>} event */
function statusText(event) {
  const word = String(event['type']).replace('session.', '').replaceAll('_', ' ');
  const more = event['agent_name'] ?? event['title'] ?? event['reason'] ?? costIn(event['usage']);
  return typeof more === 'string' ? `${word}: ${more}` : word;
}

/** @param {unknown} usage */
const costIn = (usage) => (isFields(usage) ? money(usage['list_cost']) || undefined : undefined);

/** @param {BodyProps} props */
function ErrorBody({ row, model, words }) {
  const { event, key } = row;
  const error = isFields(event['error']) ? event['error'] : {};
  const text = String(error['message'] ?? event['message'] ?? JSON.stringify(event['error'] ?? ''));
  return html`
    <div class="who">Error <span class="fact"><${Text} text=${String(error['type'] ?? '')} /></span></div>
    <${LongText} text=${text} words=${words} shown=${model.shownOf(key)} onMore=${() => model.showMore(key)} />
  `;
}

/** @param {BodyProps} props */
function OtherBody({ row, model, words }) {
  const { event, key } = row;
  const { id: _id, type, processed_at: _at, ...rest } = event;
  const isOpen = model.isOpen(key);
  return html`
    <button type="button" class="tool-head" aria-expanded=${isOpen} onClick=${() => model.toggle(key)}>
      <span class="twist" aria-hidden="true"></span>
      <span class="tool-name"><${Text} text=${String(type)} /></span>
      <span class="tool-input"><${Text} text=${inputSummary(rest)} words=${words} /></span>
    </button>
    ${isOpen && html`<${LongText} isCode text=${JSON.stringify(rest, undefined, 2)} words=${words} shown=${model.shownOf(key)} onMore=${() => model.showMore(key)} />`}
  `;
}

/** @type {Record<string, (props: BodyProps) => any>} */
const bodies = {
  turn: TurnBody,
  message: MessageBody,
  request: RequestBody,
  tool: ToolBody,
  result: ResultBody,
  status: StatusBody,
  error: ErrorBody,
  other: OtherBody,
};

/** About how high each is, before it is measured. @type {Record<string, number>} */
export const rowPixels = {
  turn: 40,
  message: 72,
  request: 26,
  tool: 78,
  result: 60,
  status: 26,
  error: 60,
  other: 32,
};
