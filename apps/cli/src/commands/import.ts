import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { redactionRules } from '@tidemark/agent-formats';
import { isProblem } from '@tidemark/sessions-client';
import { restoreArchive } from '../archive/restore-archive.ts';
import { type Call, type Command, required, UsageMistake } from '../command.ts';
import { type Environment, type ExitCode, exitCodes } from '../environment.ts';
import { anthropicSource } from '../import/anthropic-source.ts';
import { claudeFiles } from '../import/claude-files.ts';
import { codexFiles } from '../import/codex-files.ts';
import { type Imported, Importer } from '../import/importer.ts';
import { jsonlFiles } from '../import/jsonl-files.ts';
import { opencodeSource } from '../import/opencode-source.ts';
import { ImportRound, type RoundCounts } from '../import/round.ts';
import type { TranscriptSource } from '../import/transcript.ts';
import { jsonLine, line, tell } from '../printing.ts';
import { timeMsIn } from '../time-options.ts';

export const importing: Command = {
  name: 'import',
  summary: 'bring sessions of other tools here',
  positionals: 'SOURCE',
  options: {
    from: { value: 'PLACE', help: 'where they are; else the tool’s own folder' },
    watch: { help: 'goes on with what is written from now on, also when the server was away' },
    'dry-run': { help: 'reads, and sends nothing' },
    as: { value: 'NAME', help: 'of archive: what the session is called here' },
    since: { value: 'TIME', help: 'what was changed since: 2026-01-31, or 12h, 7d' },
    redact: { help: 'takes secrets out, as the list below knows them' },
  },
  notes: [
    'SOURCE:',
    '  claude-code   CLAUDE_CONFIG_DIR, or ~/.claude',
    '  codex         CODEX_HOME, or ~/.codex',
    '  opencode      XDG_DATA_HOME/opencode, or ~/.local/share/opencode',
    '  anthropic     --from URL, or ANTHROPIC_BASE_URL, with ANTHROPIC_API_KEY: managed-agents sessions',
    '  jsonl         --from FILE or DIR: an event on each line',
    '  archive       --from FILE --as NAME: a session of export --archive, its events to the byte',
    '',
    'A second import appends nothing: what is there is known by its id, however long the session.',
    'A record that says nothing here is kept as it is, and exported again: tidemark export --records.',
    '',
    `--redact: ${redactionRules.map(({ name }) => name).join(', ')}.`,
  ],
  examples: [
    'import claude-code --dry-run',
    'import codex --since 7d',
    'import claude-code --watch',
  ],
  run: async (call) => {
    if (call.positionals[0] === 'archive') return restore(call);
    const source = sourceOf(call);
    const { environment } = call;
    const progress = progressOf(environment);
    const options = {
      isRedacted: call.has('redact'),
      isDry: call.has('dry-run'),
      nowMs: environment.nowMs,
      onRecords: progress.onRecords,
    };
    const importer = new Importer(call.client, options);
    const round = new ImportRound(source, importer, timeMsIn(call, 'since') ?? 0);
    const listener = {
      imported: (imported: Imported) => tellImported(call, imported),
      failed: (path: string, { message }: Error) => line(environment.err, `${path}: ${message}`),
    };
    let counts = await round.run(listener);
    await progress.clear();
    await tellCounts(call, counts);
    while (call.has('watch')) {
      await delay(pauseMs, undefined, { signal: environment.signal });
      counts = (await unlessAway(call, () => round.run(listener))) ?? counts;
    }
    return counts.failed === 0 ? exitCodes.done : exitCodes.failed;
  },
};

const pauseMs = 500;
/** Between tries while the server is away. */
const awayMs = 2_000;

/** Whoever watches outlives the server: what was written meanwhile is found when it is back. */
async function unlessAway<T>(
  { environment }: Call,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (cause) {
    if (!isProblem(cause, 'no-answer') || environment.signal.aborted) throw cause;
    await line(environment.err, `${cause.message}: tried again`);
    await delay(awayMs, undefined, { signal: environment.signal });
    return undefined;
  }
}

async function restore(call: Call): Promise<ExitCode> {
  const [file, session] = [call.text('from'), call.text('as')];
  if (file === undefined || session === undefined) {
    throw new UsageMistake('an archive needs --from and --as');
  }
  const restored = await restoreArchive(call.client, { file, session });
  const { events, appended } = restored;
  await tell(call, { session, ...restored }, `${session}: ${appended} of ${events} events new`);
  return exitCodes.done;
}

function sourceOf(call: Call): TranscriptSource {
  const name = required(call, 0, 'SOURCE');
  const from = call.text('from');
  const { env, home } = call.environment;
  const folder = (variable: string, own: string): string =>
    from ?? env[variable] ?? join(home, own);
  switch (name) {
    case 'claude-code':
      return claudeFiles(folder('CLAUDE_CONFIG_DIR', '.claude'));
    case 'codex':
      return codexFiles(folder('CODEX_HOME', '.codex'));
    case 'opencode':
      return opencodeSource(
        from ?? join(env['XDG_DATA_HOME'] ?? join(home, '.local/share'), 'opencode'),
        call.environment.timeTextOf,
      );
    case 'anthropic':
      return anthropicSource({
        baseUrl: from ?? env['ANTHROPIC_BASE_URL'] ?? 'https://api.anthropic.com',
        apiKey: env['ANTHROPIC_API_KEY'],
      });
    case 'jsonl':
      if (from === undefined) throw new UsageMistake('--from is missing');
      return jsonlFiles(from);
    default:
      throw new UsageMistake(`there is no source ${name}`);
  }
}

async function tellImported(call: Call, imported: Imported): Promise<void> {
  const { session, thread, records, events, appended } = imported;
  const { out } = call.environment;
  if (call.isJson) return jsonLine(out, imported);
  const name = thread === undefined ? session : `${session} ${thread}`;
  const what = call.has('dry-run') ? `${events} events` : `${appended} of ${events} events new`;
  return line(out, `${name}: ${records} records, ${what}`);
}

async function tellCounts(call: Call, counts: RoundCounts): Promise<void> {
  const { out } = call.environment;
  if (call.isJson) return jsonLine(out, { total: counts });
  const { transcripts, records, appended, failed } = counts;
  const trouble = failed === 0 ? '' : `, ${failed} failed`;
  return line(
    out,
    `${transcripts} transcripts, ${records} new records, ${appended} events appended${trouble}`,
  );
}

const barMs = 200;

/** On a terminal, how many records have been read. */
function progressOf({ err, nowMs }: Environment): {
  readonly onRecords: (count: number) => void;
  readonly clear: () => Promise<void>;
} {
  if (!err.isTerminal) return { onRecords: () => undefined, clear: () => Promise.resolve() };
  let shownMs = 0;
  return {
    onRecords: (count) => {
      if (nowMs() - shownMs < barMs) return;
      shownMs = nowMs();
      void err.write(`\r\u001b[K${count} records`);
    },
    clear: () => err.write('\r\u001b[K'),
  };
}
