import type { Benchmark } from '../benchmark.ts';
import { tidemarkSeparate } from '../contestants/tidemark.ts';
import type { Bar, Row } from '../result.ts';
import { mergedLatency, sampleOf } from '../sample.ts';
import { eventBytes } from './workload.ts';

const mebibyte = 1024 * 1024;

export const cost: Benchmark = {
  name: 'cost',
  title:
    'What 1,000,000 events cost through ingest, Kafka and read: one event a request, one SSE follower a session',
  async run(context) {
    const kafka = await context.kafka();
    await using running = await context.start([tidemarkSeparate(kafka.bootstrap)]);
    const [platform] = running.all;
    const [write, read] = [platform?.targets[0], platform?.reads[0]];
    if (platform === undefined || write === undefined || read === undefined) {
      throw new Error('ingest and read run');
    }
    const brokers = kafka.brokers.map(({ id, pid }) => ({ role: `broker ${id}`, pid }));
    const ours = platform.roles.map((role, index) => ({ role, pid: platform.pids[index] ?? 0 }));
    const processes = [...ours, ...brokers];
    const sessions = context.scaled(100, 5);
    const result = await context.generator.run({
      kind: 'follow',
      write,
      read,
      pids: processes.map(({ pid }) => pid),
      followers: sessions,
      sessions,
      // What five processes and the generator manage on two cores without falling behind.
      perSecond: context.scaled(1_000, 100),
      eventBytes,
      // All of it within the minute after which a server ends a follower's connection.
      warmMs: context.scaled(8_000, 200),
      forMs: context.scaled(45_000, 500),
    });
    const sample = sampleOf(result);
    const millions = result.count / 1e6;
    const rows: Row[] = processes.map(({ role }, index) => {
      const [before, after] = [result.before[index], result.after[index]];
      if (before === undefined || after === undefined) return { what: role, contestant: '' };
      const each = (key: 'readBytes' | 'writtenBytes' | 'diskBytes'): number =>
        Math.round((after[key] - before[key]) / millions / mebibyte);
      return {
        what: role,
        contestant: 'a million events',
        cpuSecondsPerMillion: (after.cpuSeconds - before.cpuSeconds) / millions,
        peakMib: after.peakBytes / mebibyte,
        more: {
          readMib: each('readBytes'),
          writtenMib: each('writtenBytes'),
          diskMib: each('diskBytes'),
        },
      };
    });
    const bars: Bar[] = [
      {
        text: 'stated by process',
        measured: `${result.count} deliveries of ${result.expected} in ${sample.seconds.toFixed(0)} s`,
        verdict: result.count >= (result.expected ?? 0) ? 'PASS' : 'MISS',
      },
    ];
    const waits = mergedLatency([sample]);
    return {
      rows,
      bars,
      notes: [
        `deliveries: p50 ${waits.atMs(0.5).toFixed(2)}, p99 ${waits.atMs(0.99).toFixed(2)} ms`,
        'read and written: bytes through system calls, sockets and files alike; disk: what the kernel sent there',
        'scaled to a million from what the window held; where the time goes: npm run bench -- profile cost',
      ],
    };
  },
};
