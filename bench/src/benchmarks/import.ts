import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Benchmark } from '../benchmark.ts';
import { command } from '../contestants/command-line.ts';
import type { Running } from '../contestants/contestant.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import type { Context } from '../context.ts';
import { agentEvents } from '../load/agent-events.ts';
import { Connection, jsonHeaders, requestBytes } from '../load/connection.ts';
import type { Target } from '../load/orders.ts';
import { untilTaken } from '../load/until-taken.ts';
import { processFigures } from '../process-figures.ts';
import { atLeast, type Row } from '../result.ts';
import { hundredths } from '../rounding.ts';
import { spreadOf } from '../sample.ts';
import { timedSeconds } from '../waits.ts';

const imported = 'tidemark import jsonl';
const plain = 'plain batches, one client';
/** As the command sends them. */
const perBatch = 500;
const sessions = 20;

interface Round {
  readonly seconds: number;
  readonly serverCpuSeconds: number;
  readonly clientCpuSeconds: number;
}

interface Session {
  readonly name: string;
  readonly lines: readonly string[];
}

export const importing: Benchmark = {
  name: 'import',
  title:
    'Sessions as files of JSON lines, imported by the command line, against plain batches of the same',
  async run(context) {
    const [events = 0] = context.points([100_000], [2_000]);
    await using running = await context.start([tidemarkEmbedded]);
    const [server] = running.all;
    if (server === undefined) throw new Error('a server runs');
    const next = agentEvents(1);
    const [ours, theirs]: [Round[], Round[]] = [[], []];
    for (let round = 0; round < context.rounds; round += 1) {
      const files: readonly Session[] = Array.from({ length: sessions }, (_, index) => ({
        name: `session-${round}-${index}`,
        lines: Array.from({ length: events / sessions }, next),
      }));
      const turns = [
        async () => ours.push(await importRound(context, server, files)),
        async () => theirs.push(await plainRound(server, files)),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
    }
    const ratio = spreadOf(
      ours.flatMap(({ seconds }, round) => {
        const other = theirs[round];
        return other === undefined ? [] : [other.seconds / seconds];
      }),
    );
    return {
      rows: [
        rowOfRounds(imported, events, ours),
        { ...rowOfRounds(plain, events, theirs), rateRatio: ratio },
      ],
      bars: [atLeast('events/s over plain batches of one client', ratio, 0.5)],
      notes: [
        'both by the sessions surface; an import begins with the start of its process, and reads, converts and remembers',
      ],
    };
  },
};

async function importRound(
  { place }: Context,
  server: Running,
  files: readonly Session[],
): Promise<Round> {
  const folder = join(place.folder, 'transcripts', files[0]?.name ?? '');
  await mkdir(folder, { recursive: true });
  for (const { name, lines } of files) {
    await writeFile(join(folder, `${name}.jsonl`), `${lines.join('\n')}\n`);
  }
  const { host, port } = targetOf(server);
  const cpuBefore = cpuOf(server);
  const { seconds, cpuSeconds } = await command(`http://${host}:${port}`, [
    'import',
    'jsonl',
    '--from',
    folder,
  ]);
  return { seconds, serverCpuSeconds: cpuOf(server) - cpuBefore, clientCpuSeconds: cpuSeconds };
}

async function plainRound(server: Running, files: readonly Session[]): Promise<Round> {
  const connection = await Connection.open(targetOf(server));
  const [serverBefore, clientBefore] = [cpuOf(server), process.cpuUsage()];
  const seconds = await timedSeconds(async () => {
    for (const { name, lines } of files) {
      const path = `/v1/sessions/plain-${name}/events`;
      for (let first = 0; first < lines.length; first += perBatch) {
        const body = Buffer.from(`[${lines.slice(first, first + perBatch).join(',')}]`);
        const request = requestBytes({ method: 'POST', path, headers: jsonHeaders, body });
        await untilTaken(connection, request);
      }
    }
  });
  connection.close();
  const { user, system } = process.cpuUsage(clientBefore);
  const clientCpuSeconds = (user + system) / 1e6;
  return { seconds, serverCpuSeconds: cpuOf(server) - serverBefore, clientCpuSeconds };
}

function targetOf({ targets }: Running): Target {
  const [target] = targets;
  if (target === undefined) throw new Error('a server has a target');
  return target;
}

const cpuOf = ({ pids }: Running): number => processFigures(pids[0] ?? 0).cpuSeconds;

function rowOfRounds(contestant: string, events: number, rounds: readonly Round[]): Row {
  const median = (figure: (round: Round) => number): number => spreadOf(rounds.map(figure)).median;
  return {
    what: `${events} events of ${sessions} sessions`,
    contestant,
    perSecond: median(({ seconds }) => events / seconds),
    cpuSecondsPerMillion: median(({ serverCpuSeconds }) => (serverCpuSeconds * 1e6) / events),
    rounds: rounds.length,
    more: {
      clientCpuSecondsPerMillion: hundredths(
        median(({ clientCpuSeconds }) => (clientCpuSeconds * 1e6) / events),
      ),
    },
  };
}
