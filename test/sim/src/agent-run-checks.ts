// What has to hold of turns and deliveries, by the events that were told alone, and by what workers and
// receivers were given. Of the state only what is judged is looked at.

import type { StreamState } from '@tidemark/session';

export interface SeenRun {
  readonly name: string;
  /** Who was handed a generation, and whose reports were taken under it. */
  readonly handed: ReadonlyMap<number, ReadonlySet<string>>;
  readonly reported: ReadonlyMap<number, ReadonlySet<string>>;
  /** Texts that were acknowledged. */
  readonly said: ReadonlySet<string>;
  /** Ids under which the event at a seq was received. */
  readonly received: ReadonlyMap<number, ReadonlySet<string>>;
}

export interface ToldRunEvent {
  readonly type: string;
  readonly content?: readonly { readonly text?: string }[];
  readonly tool_use_id?: string;
  readonly id?: string;
  readonly body?: { readonly turn_id?: string; readonly yield_reason?: string };
}

export interface ReadRun {
  readonly events: readonly ToldRunEvent[];
  readonly stream: StreamState;
  readonly status: string;
}

export function checkRun(seen: SeenRun, run: ReadRun): readonly string[] {
  const broken = [
    ...doubled(seen.handed, 'was handed to'),
    ...doubled(seen.reported, 'was reported under by'),
    ...checkSaid(seen, run),
    ...checkTurns(run),
    ...checkInputs(run),
    ...checkDeliveries(seen, run),
  ];
  return broken.map((what) => `${seen.name}: ${what}`);
}

const doubled = (sets: ReadonlyMap<number, ReadonlySet<string>>, what: string): readonly string[] =>
  [...sets]
    .filter(([, workers]) => workers.size > 1)
    .map(([generation, workers]) => `generation ${generation} ${what} ${[...workers].join(', ')}`);

const textOf = ({ content }: ToldRunEvent): string => content?.[0]?.text ?? '';

function checkSaid({ said }: SeenRun, { events }: ReadRun): readonly string[] {
  const found = events.filter(({ type }) => type === 'user.message').map(textOf);
  const twice = found.filter((text, index) => found.indexOf(text) !== index);
  const lost = [...said].filter((text) => !found.includes(text));
  return [
    ...twice.map((text) => `"${text}" stands twice`),
    ...lost.map((text) => `"${text}" was acknowledged and is not there`),
  ];
}

/** One turn at a time, no call open behind one, and the status that follows from the events. */
function checkTurns({ events, status }: ReadRun): readonly string[] {
  const broken: string[] = [];
  const open = new Set<string>();
  let running: string | undefined;
  let last: string | undefined;
  for (const [seq, { type, id = '', tool_use_id: of = '', body = {} }] of events.entries()) {
    const { turn_id: turn } = body;
    if (type === 'agent.tool_use') open.add(id);
    if (type === 'agent.tool_result') open.delete(of);
    if (type === 'turn.started') {
      if (running !== undefined) broken.push(`${turn} begins at ${seq} while ${running} runs`);
      running = turn;
    }
    if (type === 'turn.resumed' && running !== turn) broken.push(`${turn} goes on at ${seq}`);
    if (type !== 'turn.completed') continue;
    if (running !== turn) broken.push(`${turn} ends at ${seq}, and ${running} runs`);
    if (open.size > 0) broken.push(`${turn} ends at ${seq} with ${[...open].join()} open`);
    running = undefined;
    last = body.yield_reason;
  }
  const expected = last === 'needs_input' ? 'awaiting_input' : last === 'error' ? 'failed' : 'idle';
  const isRight = status === (running === undefined ? expected : 'running');
  return isRight ? broken : [...broken, `is ${status}, its events say ${running ?? expected}`];
}

/** Each input is in one turn, unless somebody cancelled behind it. */
function checkInputs({ events, stream }: ReadRun): readonly string[] {
  const { ended } = stream.aspects.turns;
  const canceledSeq = events.findLastIndex(({ type }) => type === 'user.interrupt');
  return events.flatMap(({ type }, seq) => {
    if (type !== 'user.message') return [];
    const turns = ended.filter(({ fromSeq, endSeq }) => seq >= fromSeq && seq < endSeq);
    if (turns.length > 1) return [`the input at ${seq} is in ${turns.length} turns`];
    const isLost = turns.length === 0 && seq > canceledSeq;
    return isLost ? [`the input at ${seq} is in no turn`] : [];
  });
}

const delivered: ReadonlySet<string> = new Set(['user.message', 'agent.message', 'turn.completed']);

function checkDeliveries({ received }: SeenRun, { events }: ReadRun): readonly string[] {
  const ids = new Set<string>();
  return events.flatMap(({ type }, seq) => {
    const [id, ...others] = received.get(seq) ?? [];
    if (id === undefined) return delivered.has(type) ? [`${type} at ${seq} was not delivered`] : [];
    if (!delivered.has(type)) return [`${type} at ${seq} was delivered, and nobody wants it`];
    const isKnown = ids.has(id);
    ids.add(id);
    return others.length > 0 || isKnown
      ? [`${type} at ${seq} was delivered as ${id} and others`]
      : [];
  });
}
