import type { Benchmark } from '../benchmark.ts';
import { tidemarkEmbedded } from '../contestants/tidemark.ts';
import { interleave } from '../context.ts';
import { atMost, ratioTo, rowsOf } from '../result.ts';
import { cpuMicros, sampleOf } from '../sample.ts';
import { eventBytes } from './workload.ts';

const asStream = '/v1/stream';
const asSession = '/v1/sessions';

export const appendSessions: Benchmark = {
  name: 'append-sessions',
  title:
    'Server CPU of one event of 256 B sent to a session and to a stream, 2,000 a second, embedded',
  async run(context) {
    await using running = await context.start([tidemarkEmbedded]);
    const [one] = running.all;
    if (one === undefined) throw new Error('the server runs');
    const { warmMs, forMs, generator } = context;
    const { targets, pids } = one;
    const perSecond = context.scaled(2_000, 200);
    const common = { kind: 'append', eventsPerAppend: 1, eventBytes, warmMs, forMs } as const;
    const order = { ...common, targets, pids, clients: 100, perSecond };
    const of = (['stream', 'sessions'] as const).map((surface) => {
      const name = surface === 'stream' ? asStream : asSession;
      return [name, async () => sampleOf(await generator.run({ ...order, surface }))] as const;
    });
    const measured = await interleave({ of, rounds: context.rounds, say: context.say });
    const ratio = ratioTo(measured, [asSession, asStream], cpuMicros);
    return {
      rows: rowsOf('100 sessions', measured),
      bars: [atMost('CPU of a send over that of an append', ratio, 1.35)],
    };
  },
};
