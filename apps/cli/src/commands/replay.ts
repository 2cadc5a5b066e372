import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { EventFormat } from '@tidemark/parquet';
import { type Call, type Command, UsageMistake } from '../command.ts';
import { exitCodes } from '../environment.ts';
import { line } from '../printing.ts';
import { CheckpointFile, type ReplayState } from '../replay/checkpoint-file.ts';
import { FolderTarget, windowDefaults } from '../replay/folder-target.ts';
import { LineTarget } from '../replay/line-target.ts';
import { openTopic } from '../replay/open-topic.ts';
import { PostTarget } from '../replay/post-target.ts';
import { ReplayProgress } from '../replay/progress.ts';
import { Replay } from '../replay/replay.ts';
import { ReplaySource } from '../replay/replay-source.ts';
import type { OnSettled, ReplayTarget } from '../replay/replay-target.ts';
import { timeIn } from '../time-options.ts';

export const replaying: Command = {
  name: 'replay',
  summary: 'all events of a tenant, in the order of the log, to wherever they are wanted',
  positionals: '',
  options: {
    session: { value: 'SESSION', help: 'of one session' },
    type: { value: 'TYPE', isList: true, help: 'of this type' },
    metadata: { value: 'KEY=VALUE', isList: true, help: 'of sessions with this metadata' },
    since: { value: 'TIME', help: 'appended since: 2026-01-31, or 12h, 7d' },
    until: { value: 'TIME', help: 'appended before' },
    'from-seq': { value: 'N', help: 'from this seq of each session on' },
    'to-seq': { value: 'N', help: 'below this seq' },
    after: { value: 'PLACE', help: 'behind this checkpoint of an export' },
    before: { value: 'PLACE', help: 'up to this one; else to where the log ends now' },
    folder: { value: 'DIR', help: 'to files, in a folder a day' },
    format: { value: 'FORMAT', help: 'of files: parquet, or ndjson' },
    'file-events': { value: 'N', help: 'events of a file at most; else 1,000,000' },
    topic: { value: 'TOPIC', help: 'to a topic that is there; brokers as TIDEMARK_KAFKA_* say' },
    post: { value: 'URL', help: 'to an address, 500 lines a request' },
    'post-header': { value: 'NAME:VALUE', isList: true, help: 'with each of these requests' },
    rate: { value: 'N', help: 'events a second at most' },
    checkpoint: { value: 'FILE', help: 'goes on where a replay with this file ended' },
  },
  notes: [
    'Without --folder, --topic and --post: lines of JSON, to the output.',
    'Into files each event goes once, whenever it was interrupted, given --checkpoint. Elsewhere what was',
    'on its way may come twice: by its session and seq it is known.',
  ],
  examples: [
    'replay --type agent.message --since 7d',
    'replay --folder events --format parquet --checkpoint events.checkpoint',
  ],
  run: async (call) => {
    const { environment, client } = call;
    const { signal, nowMs, err } = environment;
    const source = new ReplaySource(client, filterOf(call), signal);
    const path = call.text('checkpoint');
    const file = path === undefined ? undefined : new CheckpointFile(resolve(path));
    const state = await stateOf(call, source, file);
    const [from, to] = [await source.placeAt(state.after), await source.placeAt(state.before)];
    const replay = new Replay({
      source,
      state,
      file,
      openTarget: (onSettled) => openTarget(call, state, onSettled),
      progress: new ReplayProgress(err, nowMs, { from: from.offsets, to: to.offsets }),
      rate: call.count('rate'),
      nowMs,
      signal,
    });
    const before = state.events;
    const events = await replay.run();
    await line(err, `${events - before} events${before === 0 ? '' : `, ${events} in all`}`);
    return exitCodes.done;
  },
};

function filterOf(call: Call): Record<string, string | number | readonly string[] | undefined> {
  const metadata = call.texts('metadata').map((pair) => {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    if (key === undefined) throw new UsageMistake('--metadata is KEY=VALUE');
    return [`metadata[${key}]`, value] as const;
  });
  return {
    ...Object.fromEntries(metadata),
    session: call.text('session'),
    'types[]': call.texts('type'),
    'time[gte]': timeIn(call, 'since'),
    'time[lt]': timeIn(call, 'until'),
    from_seq: call.count('from-seq'),
    to_seq: call.count('to-seq'),
  };
}

/** Where an earlier replay ended, or a new one, up to where the log ends now. */
async function stateOf(
  call: Call,
  source: ReplaySource,
  file: CheckpointFile | undefined,
): Promise<ReplayState> {
  const what = whatOf(call);
  const known = await file?.read(what);
  if (known !== undefined && known.after !== known.before) return known;
  const end = call.text('before') ?? (await source.placeAt('now')).checkpoint;
  const after = known?.after ?? call.text('after') ?? '';
  return { what, after, before: end, skip: null, events: known?.events ?? 0, pending: [] };
}

const whatNames =
  'session type metadata since until from-seq to-seq after folder format file-events topic post'.split(
    ' ',
  );

/** Which events, and where to. */
function whatOf(call: Call): string {
  const named = whatNames.map((name) => [name, call.texts(name)]);
  return createHash('sha256').update(JSON.stringify(named)).digest('hex').slice(0, 32);
}

function openTarget(
  call: Call,
  { pending }: ReplayState,
  onSettled: OnSettled,
): Promise<ReplayTarget> {
  const { environment } = call;
  const { signal, timeMsOf } = environment;
  const [folder, topic, url] = [call.text('folder'), call.text('topic'), call.text('post')];
  if ([folder, topic, url].filter((each) => each !== undefined).length > 1) {
    throw new UsageMistake('--folder, --topic and --post exclude each other');
  }
  if (folder !== undefined) {
    const events = call.count('file-events') ?? windowDefaults.events;
    const bounds = { ...windowDefaults, events };
    const options = { folder: resolve(folder), format: formatOf(call), bounds };
    return FolderTarget.open({ ...options, timeMsOf, onSettled }, pending);
  }
  if (topic !== undefined) return openTopic(environment, { topic, onSettled });
  return Promise.resolve(
    url === undefined
      ? new LineTarget(environment.out, onSettled)
      : new PostTarget({ url, headers: headersOf(call), signal, onSettled }),
  );
}

function formatOf(call: Call): EventFormat {
  const format = call.text('format') ?? 'parquet';
  if (format === 'parquet' || format === 'ndjson') return format;
  throw new UsageMistake('--format is parquet or ndjson');
}

function headersOf(call: Call): Record<string, string> {
  return Object.fromEntries(
    call.texts('post-header').map((text) => {
      const [, name, value = ''] = /^([^:]+):\s*(.*)$/.exec(text) ?? [];
      if (name === undefined) throw new UsageMistake('--post-header is NAME:VALUE');
      return [name, value];
    }),
  );
}
