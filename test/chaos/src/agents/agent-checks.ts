// What has to hold of sessions, by what they tell in the end, what was acknowledged, and what was received.

export interface ToldEvent {
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  readonly level: string;
  readonly turn_id?: string;
  readonly body: {
    readonly text?: string;
    readonly call_id?: string;
    readonly turn_id?: string;
    readonly yield_reason?: string;
    readonly step?: number;
    readonly generation?: number;
  };
}

export interface ToldTurn {
  readonly id: string;
  readonly input_from_seq: number;
  readonly input_to_seq: number;
}

export interface ToldSession {
  readonly id: string;
  readonly status: string;
  readonly events: readonly ToldEvent[];
  readonly turns: readonly ToldTurn[];
  /** Texts whose messages were acknowledged. */
  readonly said: readonly string[];
  /** Ids under which the event of a seq was received. */
  readonly received: ReadonlyMap<number, ReadonlySet<string>>;
}

export function checkSession(told: ToldSession): readonly string[] {
  const wrong = [
    ...checkSeqs(told),
    ...checkSaid(told),
    ...checkTurns(told),
    ...checkSteps(told),
    ...checkInputs(told),
    ...checkDeliveries(told),
  ];
  return wrong.map((what) => `${told.id}: ${what}`);
}

const checkSeqs = ({ events }: ToldSession): readonly string[] =>
  events.flatMap(({ seq }, index) => (seq === index + 1 ? [] : [`seq ${seq} at ${index}`]));

function checkSaid({ events, said }: ToldSession): readonly string[] {
  const texts = events.filter(({ type }) => type === 'user.message').map(({ body }) => body.text);
  const found = new Set(texts);
  const twice = found.size === texts.length ? [] : ['a message stands twice'];
  return [...twice, ...said.filter((text) => !found.has(text)).map((text) => `lost "${text}"`)];
}

function checkTurns({ events, status }: ToldSession): readonly string[] {
  const wrong: string[] = [];
  const open = new Set<string>();
  let running: string | undefined;
  let last: string | undefined;
  for (const { seq, type, body } of events) {
    const { turn_id: turn, call_id: call = '' } = body;
    if (type === 'tool.call') open.add(call);
    if (type === 'tool.result') open.delete(call);
    if (type === 'turn.started') {
      if (running !== undefined) wrong.push(`${turn} begins at ${seq} while ${running} runs`);
      running = turn;
    }
    if (type === 'turn.resumed' && turn !== running) wrong.push(`${turn} goes on at ${seq}`);
    if (type !== 'turn.completed') continue;
    if (turn !== running) wrong.push(`${turn} ends at ${seq} while ${running} runs`);
    if (open.size > 0) wrong.push(`${turn} ends at ${seq} with a call that is open`);
    running = undefined;
    last = body.yield_reason;
  }
  const expected = last === 'needs_input' ? 'awaiting_input' : last === 'error' ? 'failed' : 'idle';
  if (running !== undefined || status !== expected) {
    wrong.push(`is ${status}, its events say ${running ?? expected}`);
  }
  return wrong;
}

/** Each step once, in order, and under generations that only go on. */
function checkSteps({ events }: ToldSession): readonly string[] {
  const wrong: string[] = [];
  const steps = new Map<string, number>();
  let generation = 0;
  for (const { seq, type, turn_id: turn = '', body } of events) {
    if (type !== 'work.step') continue;
    const expected = (steps.get(turn) ?? 0) + 1;
    if (body.step !== expected) wrong.push(`step ${body.step} of ${turn} at ${seq}`);
    steps.set(turn, expected);
    if ((body.generation ?? 0) < generation) wrong.push(`an older generation reports at ${seq}`);
    generation = body.generation ?? 0;
  }
  return wrong;
}

/** Each in one turn, unless somebody cancelled behind it. */
function checkInputs({ events, turns }: ToldSession): readonly string[] {
  const canceledSeq = events.findLast(({ type }) => type === 'user.interrupt')?.seq ?? 0;
  return events.flatMap(({ type, seq }) => {
    if (type !== 'user.message') return [];
    const of = turns.filter((turn) => seq >= turn.input_from_seq && seq <= turn.input_to_seq);
    if (of.length === 1 || (of.length === 0 && seq < canceledSeq)) return [];
    return [`the input at ${seq} is in ${of.length} turns`];
  });
}

export const isDelivered = ({ level }: ToldEvent): boolean => level === 'user';

function checkDeliveries({ events, received }: ToldSession): readonly string[] {
  const known = new Set<string>();
  return events.flatMap((event) => {
    const { seq, type } = event;
    const [id, ...others] = received.get(seq) ?? [];
    if (id === undefined) return isDelivered(event) ? [`${type} at ${seq} was not delivered`] : [];
    const isOwn = isDelivered(event) && others.length === 0 && !known.has(id);
    known.add(id);
    return isOwn ? [] : [`${type} at ${seq} was delivered as ${[id, ...others].join(', ')}`];
  });
}
