import { describe, expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

describe('createMetrics', () => {
  test('renders what was counted, set and observed', async () => {
    const metrics = createMetrics({ withProcess: false });
    const shape = { name: 'tidemark_disk_groups_total', help: 'groups', labels: ['kind'] };
    metrics.counter(shape).add(2, { kind: 'a' });
    metrics.counter(shape).add(3, { kind: 'a' });
    metrics.gauge({ name: 'tidemark_disk_files_count', help: 'files' }).set(4);
    let value = 1;
    metrics.observedGauge({ name: 'tidemark_disk_open_count', help: 'open' }, () => value);
    const buckets = [0.1, 1];
    metrics.histogram({ name: 'tidemark_disk_sync_seconds', help: 'sync', buckets }).observe(0.5);
    value = 9;
    const page = await metrics.render();
    expect(page).toContain('tidemark_disk_groups_total{kind="a"} 5');
    expect(page).toContain('tidemark_disk_files_count 4');
    expect(page).toContain('tidemark_disk_open_count 9');
    expect(page).toContain('tidemark_disk_sync_seconds_bucket{le="1"} 1');
    expect(metrics.contentType).toContain('text/plain');
  });

  test('two registries do not meet', async () => {
    const [one, other] = [createMetrics({ withProcess: false }), createMetrics()];
    one.counter({ name: 'tidemark_one_total', help: 'one' }).add(1);
    expect(await other.render()).not.toContain('tidemark_one_total');
    expect(await other.render()).toContain('process_cpu_seconds_total');
  });

  test('a name that is none is refused', () => {
    const metrics = createMetrics({ withProcess: false });
    expect(() => metrics.counter({ name: 'requests', help: 'x' })).toThrow('not a metric name');
  });
});
