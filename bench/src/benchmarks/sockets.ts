import type { Benchmark } from '../benchmark.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import { type Context, interleave } from '../context.ts';
import type { FollowOrder } from '../load/orders.ts';
import { atMost, type Row, ratioTo, rowsOf } from '../result.ts';
import { cpuMicros, p99, sampleOf } from '../sample.ts';
import { bytesPerFollower } from './fan-out.ts';
import { eventBytes } from './workload.ts';

const overSockets = 'WebSocket';
const overSse = 'SSE';

export const sockets: Benchmark = {
  name: 'sockets',
  title:
    '50 events/s of 256 B to 1,000 followers of one session, by WebSocket and by SSE; then 10,000 idle sockets',
  async run(context) {
    await using running = await context.start([tidemarkEmbedded]);
    const [server] = running.all;
    const [target] = server?.targets ?? [];
    if (server === undefined || target === undefined) throw new Error('a server runs');
    const { warmMs, forMs, generator } = context;
    const followers = context.scaled(1_000, 10);
    const common = { kind: 'follow', write: target, read: target, pids: server.pids } as const;
    const order = { ...common, followers, sessions: 1, perSecond: 50, eventBytes, warmMs, forMs };
    const of = (
      [
        [overSockets, 'socket'],
        [overSse, 'sse'],
      ] as const
    ).map(([name, over]) => {
      return [name, async () => sampleOf(await generator.run({ ...order, over }))] as const;
    });
    const measured = await interleave({ of, rounds: context.rounds, say: context.say });
    const rows = rowsOf(`${followers} followers`, measured);
    const idle = await measureIdle(context);
    const ratio = (figure: typeof p99) => ratioTo(measured, [overSockets, overSse], figure);
    return {
      rows: [...rows, idle.row],
      bars: [
        atMost('p99 over that of SSE', ratio(p99), 1),
        atMost('CPU a delivery over that of SSE', ratio(cpuMicros), 1),
        atMost('idle sockets: percent of a core', idle.corePercent, 3),
        atMost('idle sockets: KiB each', idle.kibEach, 40),
      ],
    };
  },
};

/** A server of its own, so that what came before is not in its memory. */
async function measureIdle(
  context: Context,
): Promise<{ readonly row: Row; readonly corePercent: number; readonly kibEach: number }> {
  await using running = await context.start([tidemarkEmbedded]);
  const [server] = running.all;
  const [target] = server?.targets ?? [];
  if (server === undefined || target === undefined) throw new Error('a server runs');
  const followers = context.scaled(10_000, 20);
  const order: FollowOrder = {
    kind: 'follow',
    over: 'socket',
    pids: server.pids,
    write: target,
    read: target,
    followers,
    sessions: context.scaled(1_000, 10),
    perSecond: 0,
    eventBytes,
    warmMs: context.scaled(4_000, 100),
    forMs: context.scaled(20_000, 300),
  };
  const result = await context.generator.run(order);
  const { cpuSeconds, seconds, peakBytes } = sampleOf(result);
  const corePercent = (cpuSeconds / seconds) * 100;
  const kibEach = bytesPerFollower(result, followers) / 1_024;
  const more = {
    corePercent: Number(corePercent.toFixed(2)),
    kibASocket: Number(kibEach.toFixed(1)),
  };
  const what = `${followers} idle sockets`;
  const row = { what, contestant: overSockets, peakMib: peakBytes / 1_048_576, more };
  return { row, corePercent, kibEach };
}
