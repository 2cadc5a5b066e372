import type { Benchmark } from '../benchmark.ts';
import type { Running } from '../contestants/contestant.ts';
import { electric } from '../contestants/references.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import type { Context } from '../context.ts';
import type { Generator } from '../load/generator.ts';
import { after } from '../load/timing.ts';
import { atLeast, atMost, rowsOf } from '../result.ts';
import { p99, perSecond, ratioOf, type Sample, sampleOf } from '../sample.ts';
import { eventBytes } from './workload.ts';

const ours = tidemarkEmbedded.name;
const clients = 100;
const readers = 4;
const session = 'read-by-all';

export const readersWriters: Benchmark = {
  name: 'readers-writers',
  title: `Writers at half of saturation (100 clients); then ${readers} unpaced catch-up readers of 2 MB join`,
  async run(context) {
    const references = await context.references(electric);
    await using running = await context.start([tidemarkEmbedded, ...references]);
    const reading = await context.anotherGenerator();
    const half = new Map<string, number>();
    for (const server of running.all)
      half.set(server.contestant.name, await prepare(context, server));
    const write = async ({ contestant, targets, pids }: Running): Promise<Sample> => {
      const rate = half.get(contestant.name) ?? 0;
      const order = { ...appends(context), targets, pids, perSecond: rate };
      return sampleOf(await context.generator.run(order));
    };
    const alone = await running.interleave(write);
    let bytesRead = 0;
    const disturbed = await running.interleave(async (server) => {
      const joined = readOn(context, reading, server);
      await after(context.scaled(300, 20));
      const sample = await write(server);
      const { bytes = 0 } = await joined;
      if (server.contestant.name === ours) bytesRead += bytes;
      return sample;
    });
    const [before, during] = [alone.get(ours) ?? [], disturbed.get(ours) ?? []];
    return {
      rows: [
        ...rowsOf('writers alone', alone),
        ...rowsOf(`with ${readers} readers`, disturbed).map((row) =>
          row.contestant === ours
            ? { ...row, more: { ...row.more, mibRead: Math.round(bytesRead / 1_048_576) } }
            : row,
        ),
      ],
      bars: [
        atLeast('writers keep of their rate', ratioOf(during, before, perSecond), 0.8),
        atMost('p99 with readers over p99 alone', ratioOf(during, before, p99), 2),
      ],
      notes: [
        'the readers are a process of their own: on two cores they take from server and writers alike',
      ],
    };
  },
};

const appends = ({ warmMs, forMs, isSmoke }: Context) => {
  const count = isSmoke ? 4 : clients;
  return { kind: 'append', clients: count, eventsPerAppend: 1, eventBytes, warmMs, forMs } as const;
};

/** The session to read, and half of what the server takes when everybody sends at once. */
async function prepare(context: Context, { targets, pids }: Running): Promise<number> {
  const [target] = targets;
  if (target === undefined) throw new Error('a contestant has a target');
  await context.generator.run({
    kind: 'fill',
    pids,
    target,
    sessions: [session],
    events: context.scaled(8_000, 400),
    eventsPerAppend: 100,
    eventBytes,
  });
  const most = await context.generator.run({ ...appends(context), targets, pids });
  return Math.round(most.count / most.seconds / 2);
}

function readOn(context: Context, generator: Generator, { reads, pids }: Running) {
  const [target] = reads;
  if (target === undefined) throw new Error('a contestant has a target');
  return generator.run({
    kind: 'catch-up',
    pids,
    target,
    session,
    clients: readers,
    warmCount: 0,
    count: 0,
    forMs: context.warmMs + context.forMs + context.scaled(600, 50),
    bytesMin: 0,
  });
}
