import { jsonContentType, mediaTypeOf, Problem } from '@tidemark/protocol';
import { noAspects } from './aspects.ts';
import { addEvents, type Identities } from './chained-events.ts';
import type { AppendCommand, Reply } from './commands.ts';
import { encodeConfig } from './config.ts';
import {
  answer,
  Chain,
  type DecideContext,
  type Decision,
  liveStream,
  refuse,
} from './decision.ts';
import type { ProducerStamp } from './record.ts';
import { spendingRefusal } from './spending.ts';
import {
  type AppendSpan,
  beginStream,
  cursorAt,
  type ProducerState,
  type SessionState,
  type StreamState,
} from './state.ts';

type Appended = Extract<Reply, { kind: 'appended' }>;

interface Request {
  readonly command: AppendCommand;
  readonly context: DecideContext;
}

/**
 * The order of the checks is the protocol's: what is repeated is answered before what conflicts, a
 * stale producer hears that it is fenced, and a closed stream says so before anything else is wrong.
 */
export function decideAppend(
  state: SessionState,
  command: AppendCommand,
  context: DecideContext,
): Decision {
  const stream = liveStream(state);
  if (stream instanceof Problem) {
    const isMade = command.creates === true && state.life === 'absent';
    return isMade ? writeNew(state, { command, context }) : refuse(stream);
  }
  return (
    decideClosed(stream, command) ??
    decideContentType(stream, command) ??
    decideProducer(stream, command) ??
    decideRepeated(state, stream, { command, context }) ??
    decideOrder(stream, command) ??
    decideSpending(stream, command) ??
    write(state, stream, { command, context })
  );
}

function decideSpending(stream: StreamState, command: AppendCommand): Decision | undefined {
  if (command.events.length === 0) return undefined;
  const problem = spendingRefusal(stream, command.types, command.events.length);
  return problem && refuse(problem);
}

const isSameStamp = (one: ProducerStamp | undefined, other: ProducerStamp | undefined): boolean =>
  one !== undefined &&
  other !== undefined &&
  one.id === other.id &&
  one.epoch === other.epoch &&
  one.seq === other.seq;

function duplicate(stream: StreamState, producer: ProducerStamp | undefined): Decision {
  return answer({
    kind: 'appended',
    firstSeq: stream.tailSeq,
    endSeq: stream.tailSeq,
    nextOffset: cursorAt(stream, stream.tailPosition),
    isDuplicate: true,
    isClosed: stream.isClosed,
    producer,
  });
}

function decideClosed(stream: StreamState, command: AppendCommand): Decision | undefined {
  if (!stream.isClosed) return undefined;
  const { producer } = command;
  if (isSameStamp(producer, stream.closedBy)) return duplicate(stream, producer);
  const known = producer === undefined ? undefined : stream.producers.get(producer.id);
  if (producer !== undefined && known !== undefined && producer.epoch < known.epoch) {
    return refuse(fenced(known));
  }
  const isCloseOnly = command.close && command.events.length === 0 && producer === undefined;
  if (isCloseOnly) return duplicate(stream, undefined);
  const repeated = repeatOf(stream, command);
  if (repeated !== undefined) return answer(repeated);
  if (stream.aspects.lifecycle.archivedAtMs !== undefined) {
    return refuse(new Problem('session-archived', 'archived: nothing can be appended'));
  }
  const facts = { nextOffset: cursorAt(stream, stream.tailPosition) };
  return refuse(new Problem('session-closed', 'closed: nothing can be appended', { facts }));
}

function decideContentType(stream: StreamState, command: AppendCommand): Decision | undefined {
  const { contentType } = command;
  if (contentType === undefined || command.events.length === 0) return undefined;
  if (mediaTypeOf(contentType) === mediaTypeOf(stream.contentType)) return undefined;
  return refuse(new Problem('content-type-mismatch', 'the session has another content type'));
}

const fenced = ({ epoch: producerEpoch }: ProducerState): Problem =>
  new Problem('producer-fenced', 'a newer epoch of this producer is known', {
    facts: { producerEpoch },
  });

function gap(expectedSeq: number, receivedSeq: number): Decision {
  const facts = { expectedSeq, receivedSeq };
  return refuse(new Problem('producer-gap', 'a producer sequence is missing', { facts }));
}

function decideProducer(stream: StreamState, command: AppendCommand): Decision | undefined {
  const { producer } = command;
  if (producer === undefined) return undefined;
  const known = stream.producers.get(producer.id);
  if (known === undefined) return producer.seq === 0 ? undefined : gap(0, producer.seq);
  if (producer.epoch < known.epoch) return refuse(fenced(known));
  if (producer.epoch > known.epoch) {
    if (producer.seq === 0) return undefined;
    return refuse(new Problem('producer-epoch-start', 'a new epoch starts at sequence 0'));
  }
  if (producer.seq <= known.seq) return duplicate(stream, { ...producer, seq: known.seq });
  return producer.seq === known.seq + 1 ? undefined : gap(known.seq + 1, producer.seq);
}

function repeatedSpan(stream: StreamState, span: AppendSpan): Appended {
  const endPosition = span.endPosition === -1 ? stream.tailPosition : span.endPosition;
  return {
    kind: 'appended',
    firstSeq: span.firstSeq,
    endSeq: span.endSeq,
    nextOffset: cursorAt(stream, endPosition),
    isDuplicate: true,
    isClosed: stream.isClosed,
    producer: undefined,
  };
}

/** Where the events lie of an append whose key is known, or whose events' ids all are. */
function repeatOf(stream: StreamState, command: AppendCommand): Appended | undefined {
  const byKey = command.key === undefined ? undefined : stream.keys.get(command.key);
  if (byKey !== undefined) return repeatedSpan(stream, byKey);
  const spans = command.eventIds?.map((id) => (id === undefined ? id : stream.eventIds.get(id)));
  const [first] = spans ?? [];
  if (first === undefined || spans?.includes(undefined) !== false) return undefined;
  const repeated = repeatedSpan(stream, { ...(spans.at(-1) ?? first), firstSeq: first.firstSeq });
  const stored = command.stamps && spans.map((span) => span?.firstSeq ?? 0);
  return { ...repeated, stored };
}

/**
 * Of an append whose events are there already, what else is new takes effect: its close, the next
 * sequence of its producer, its Stream-Seq, its key.
 */
function decideRepeated(
  state: SessionState,
  stream: StreamState,
  { command, context }: Request,
): Decision | undefined {
  const repeated = repeatOf(stream, command);
  if (repeated === undefined) return undefined;
  const { producer, close } = command;
  const key =
    command.key === undefined || stream.keys.get(command.key) !== undefined
      ? undefined
      : command.key;
  const streamSeq = isRising(stream, command.streamSeq) ? command.streamSeq : undefined;
  const isNew = close || [producer, key, streamSeq].some((identity) => identity !== undefined);
  if (!isNew) return answer(repeated);
  const chain = new Chain(state, context);
  const { firstSeq: seq, endSeq } = repeated;
  const count = Math.max(0, endSeq - seq);
  chain.add({ kind: close ? 'close' : 'repeat', seq, count, producer, streamSeq, key });
  return {
    kind: 'write',
    records: chain.records,
    reply: { ...repeated, isClosed: close, producer },
  };
}

const isRising = (stream: StreamState, streamSeq: string | undefined): boolean =>
  streamSeq !== undefined && (stream.streamSeq === undefined || streamSeq > stream.streamSeq);

function decideOrder(stream: StreamState, command: AppendCommand): Decision | undefined {
  const { streamSeq, matchSeq } = command;
  if (streamSeq !== undefined && !isRising(stream, streamSeq)) {
    return refuse(new Problem('stream-seq-conflict', 'not above the last Stream-Seq'));
  }
  if (matchSeq !== undefined && matchSeq !== stream.tailSeq) {
    const facts = { tailSeq: stream.tailSeq };
    return refuse(new Problem('seq-conflict', 'the tail is elsewhere', { facts }));
  }
  return undefined;
}

function write(state: SessionState, stream: StreamState, { command, context }: Request): Decision {
  const { producer, streamSeq, key } = command;
  const chain = new Chain(state, context);
  const identities = { producer, streamSeq, key };
  return written(chain, stream, { command, identities });
}

/** Makes the session that is not there, and appends to it. */
function writeNew(state: SessionState, { command, context }: Request): Decision {
  const chain = new Chain(state, context);
  const config = { incarnation: context.newIds(1), contentType: jsonContentType };
  chain.add({ kind: 'create', value: encodeConfig(config) });
  const { producer, streamSeq, key } = command;
  const stream = beginStream(state, config, { timeMs: chain.timeMs, aspects: noAspects });
  const refused = decideProducer(stream, command) ?? decideOrder(stream, command);
  return refused ?? written(chain, stream, { command, identities: { producer, streamSeq, key } });
}

function written(
  chain: Chain,
  stream: StreamState,
  { command, identities }: { readonly command: AppendCommand; readonly identities: Identities },
): Decision {
  const { producer } = command;
  const added = addEvents(chain, stream, { given: command, identities });
  if (command.close) {
    const isAlone = added.count === 0;
    chain.add({ kind: 'close', producer, ...(isAlone ? { ...identities, count: 0 } : undefined) });
  }
  const reply: Reply = {
    kind: 'appended',
    firstSeq: stream.tailSeq,
    endSeq: stream.tailSeq + added.count,
    nextOffset: cursorAt(stream, added.endPosition),
    isDuplicate: false,
    isClosed: command.close,
    producer,
    stored: added.stored,
  };
  return { kind: 'write', records: chain.records, reply };
}
