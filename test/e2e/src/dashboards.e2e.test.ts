// What operators look at: every rule and panel asks for what the processes tell, in Prometheus's own grammar.

import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { kafkaForTests, startApp } from '@tidemark/infra';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const infra = join(import.meta.dirname, '../../../infra');

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
    }[];
  }[];
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

/** Names, and for those with labels which. */
async function metricsOf(env: Readonly<Record<string, string>>): Promise<ReadonlySet<string>> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-metrics-'));
  const settings = { TIDEMARK_DATA_DIR: join(folder, 'data'), ...env };
  await using app = await startApp({ app: 'server', index: 0, folder, env: settings });
  const text = await (await fetch(`${app.url}/metrics`)).text();
  const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
  );
  return new Set(names);
}

/** Metrics that an expression names; throws where it does not parse. Grafana's variables are times here. */
function metricsIn(expression: string): readonly string[] {
  const text = expression.replaceAll('$__rate_interval', '5m');
  const names: string[] = [];
  parser.parse(text).iterate({
    enter({ type, from, to }) {
      if (type.isError) throw new Error(`not PromQL at ${from}: ${text}`);
      if (type.name === 'VectorSelector') {
        const [name] = /^[a-zA-Z_:][\w:]*/.exec(text.slice(from, to)) ?? [];
        if (name !== undefined) names.push(name);
      }
    },
  });
  return names;
}

test('an expression that is none is told from one that names a metric', () => {
  expect(metricsIn('sum by (a) (rate(x_total{b="c"}[5m])) / y')).toEqual(['x_total', 'y']);
  expect(() => metricsIn('rate(x_total[5m]')).toThrow('not PromQL');
});

test('no rule and no panel asks for a metric that is not there', async () => {
  const { bootstrap } = await kafkaForTests();
  const onKafka = { TIDEMARK_LOG: 'kafka', TIDEMARK_KAFKA_BROKERS: bootstrap.join(',') };
  const there = new Set([...(await metricsOf({})), ...(await metricsOf(onKafka))]);
  const rules = parse(await readFile(join(infra, 'prometheus/alerts.yaml'), 'utf8')) as Rules;
  const dashboard = JSON.parse(
    await readFile(join(infra, 'grafana/tidemark.json'), 'utf8'),
  ) as Dashboard;
  const asked = [
    ...rules.groups.flatMap(({ rules: each }) => each.map(({ alert, expr }) => [alert, expr])),
    ...dashboard.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => [title, expr]),
    ),
  ];
  expect(asked.length).toBeGreaterThan(30);
  const missing = asked.flatMap(([where, expr = '']) => {
    const names = metricsIn(expr);
    expect(names).not.toEqual([]);
    return names.filter((name) => !there.has(name)).map((name) => `${where}: ${name}`);
  });
  expect(missing).toEqual([]);
});

test('a rule says whom it wakes, and what it means', async () => {
  const rules = parse(await readFile(join(infra, 'prometheus/alerts.yaml'), 'utf8')) as Rules;
  const all = rules.groups.flatMap(({ rules: each }) => each);
  expect(new Set(all.map(({ alert }) => alert)).size).toBe(all.length);
  for (const { labels, annotations } of all) {
    expect(['page', 'ticket']).toContain(labels['severity']);
    expect(annotations['summary']).toMatch(/\$labels\.instance/);
  }
});
