// A small history of appends, trims and growth, and the judge of what a log holds after a crash.

import {
  type AppendOutcome,
  type Clock,
  type Files,
  type LogRecord,
  type Shard,
  type StoredRecord,
  shardOf,
  silentLogger,
  silentMetrics,
} from '@tidemark/ports';
import { recordOf, type SeededPrng } from '@tidemark/ports/testing';
import { present } from '@tidemark/std';
import { type DiskLog, openDiskLog } from '../disk-log.ts';

const topic = 't';
export const directory = 'log';
export const shards: readonly Shard[] = [0, 1, 2, 3].map((partition) => shardOf(topic, partition));
const firstPartitions = 3;
const roundsPerShard = 6;

/** Written to at first, a little, and never trimmed: what it holds is moved on from file to file. */
const keptShard = shards[1];
const keptRounds = 2;

export const open = (files: Files, clock: Clock, fileBytes = 4_096): Promise<DiskLog> =>
  openDiskLog(
    { clock, files, logger: silentLogger, metrics: silentMetrics },
    { directory, fileBytes },
  );

/** What the callers of the log were told, and what they had asked for. */
export class History {
  readonly attempted = new Map<Shard, string[][]>();
  readonly acknowledged = new Map<Shard, { readonly base: number; readonly texts: string[] }[]>();
  readonly trimsAsked = new Map<Shard, number>();
  readonly trimsAnswered = new Map<Shard, number>();
  readonly refused: string[][] = [];
  isTopicAnswered = false;
}

export async function append(
  log: DiskLog,
  shard: Shard,
  options: { readonly history: History; readonly batch: readonly LogRecord[] },
): Promise<AppendOutcome | undefined> {
  const { history, batch } = options;
  const texts = textsOf(batch);
  const outcome = await present(log.append(new Map([[shard, () => batch]])).get(shard), 'outcome');
  if (outcome?.kind === 'not-committed') {
    history.refused.push(texts);
    return outcome;
  }
  if (outcome?.kind !== 'committed') return outcome;
  const acknowledged = history.acknowledged.get(shard) ?? [];
  history.acknowledged.set(shard, acknowledged);
  acknowledged.push({ base: Number(outcome.baseOffset), texts });
  return outcome;
}

const textsOf = (records: readonly LogRecord[]): string[] =>
  records.map((record) => new TextDecoder().decode(record.value));

/** Everything that the log is asked to do before the crash. */
export async function runWorkload(log: DiskLog, history: History, prng: SeededPrng): Promise<void> {
  await log.ensureTopic({ name: topic, partitions: firstPartitions, durability: 'replicated' });
  history.isTopicAnswered = true;
  await Promise.all(
    shards.slice(0, firstPartitions).map((shard) => writeShard(log, shard, { history, prng })),
  );
  await log.growTopic(topic, shards.length);
  await writeShard(log, present(shards[firstPartitions], 'shard'), { history, prng });
}

async function writeShard(
  log: DiskLog,
  shard: Shard,
  options: { readonly history: History; readonly prng: SeededPrng },
): Promise<void> {
  const { history } = options;
  const prng = options.prng.fork(shard);
  const isKept = shard === keptShard;
  for (let round = 0; round < (isKept ? keptRounds : roundsPerShard); round += 1) {
    const batch = Array.from({ length: isKept ? 1 : 1 + prng.below(3) }, (_, index) =>
      recordOf(`${shard} ${round}.${index} ${'x'.repeat(isKept ? 3 : prng.below(300))}`),
    );
    const attempted = history.attempted.get(shard) ?? [];
    history.attempted.set(shard, [...attempted, textsOf(batch)]);
    const outcome = await append(log, shard, { history, batch });
    if (!isKept && round % 2 === 1 && outcome?.kind === 'committed') {
      history.trimsAsked.set(shard, Number(outcome.baseOffset));
      await log.trim(shard, outcome.baseOffset);
      history.trimsAnswered.set(shard, Number(outcome.baseOffset));
    }
  }
}

/** Everything that a log holds and should not, or should and does not. */
export async function violationsOf(log: DiskLog, history: History): Promise<string[]> {
  const topics = await log.topics();
  if (topics.length === 0) return history.isTopicAnswered ? ['the topic is gone'] : [];
  const partitions = present(topics[0], 'topic').partitions;
  const violations: string[] = [];
  for (const shard of shards.slice(0, partitions)) {
    const told = (text: string): void => void violations.push(`${shard}: ${text}`);
    const bounds = (await log.bounds([shard])).get(shard);
    if (bounds === undefined || bounds instanceof Error) {
      told('no bounds');
      continue;
    }
    const [start, end] = [Number(bounds.start), Number(bounds.end)];
    const answered = history.trimsAnswered.get(shard) ?? 0;
    const asked = history.trimsAsked.get(shard) ?? 0;
    if (start < answered) told(`a trim is forgotten. start=${start} answered=${answered}`);
    if (start > asked) told(`trimmed by nobody. start=${start} asked=${asked}`);
    const records = await readAll(log, shard, { start, end });
    const texts = textsOf(records);
    checkAcknowledged(history, shard, { start, end, texts, told });
    checkAttempted(history, shard, { start, texts, told });
  }
  return violations;
}

interface Held {
  readonly start: number;
  readonly end?: number;
  readonly texts: readonly string[];
  readonly told: (text: string) => void;
}

function checkAcknowledged(history: History, shard: Shard, held: Held): void {
  for (const { base, texts } of history.acknowledged.get(shard) ?? []) {
    for (const [index, text] of texts.entries()) {
      const offset = base + index;
      if (offset < held.start) continue;
      if (held.texts[offset - held.start] !== text) held.told(`acknowledged ${text} is not there`);
    }
  }
}

/** What is there is a run of whole batches, as they were attempted, in order and once. */
function checkAttempted(history: History, shard: Shard, held: Held): void {
  const refused = new Set(history.refused.flat());
  const known = (history.attempted.get(shard) ?? []).flat();
  let place = -1;
  for (const text of held.texts) {
    const next = known.indexOf(text, place + 1);
    if (next < 0) held.told(`invented or out of order: ${text}`);
    if (refused.has(text)) held.told(`refused and there: ${text}`);
    place = next;
  }
  for (const batch of history.attempted.get(shard) ?? []) {
    const found = batch.filter((text) => held.texts.includes(text)).length;
    const isCut = held.texts[0] !== undefined && batch.includes(held.texts[0]);
    if (found > 0 && found < batch.length && !isCut) held.told(`half a batch: ${batch.join()}`);
  }
}

export async function readAll(
  log: DiskLog,
  shard: Shard,
  range: { readonly start: number; readonly end: number },
): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  if (range.start === range.end) return records;
  const { signal } = new AbortController();
  for await (const chunk of log.read(shard, { from: BigInt(range.start), signal })) {
    records.push(...chunk.records);
    if (Number(chunk.nextOffset) >= range.end) break;
  }
  return records;
}
