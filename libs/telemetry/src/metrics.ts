import type { MetricShape, Metrics } from '@tidemark/ports';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** The process's metrics, with the page that a scraper reads. */
export interface RenderedMetrics extends Metrics {
  readonly contentType: string;
  render(): Promise<string>;
}

const namePattern = /^tidemark_[a-z0-9]+(_[a-z0-9]+)+$/;

export function createMetrics(settings: { readonly withProcess?: boolean } = {}): RenderedMetrics {
  const register = new Registry();
  if (settings.withProcess ?? true) collectDefaultMetrics({ register });
  const kept = new Map<string, unknown>();
  const once = <T>(shape: MetricShape, create: () => T): T => {
    if (!namePattern.test(shape.name))
      throw new RangeError(`not a metric name. name=${shape.name}`);
    const instrument = (kept.get(shape.name) as T | undefined) ?? create();
    kept.set(shape.name, instrument);
    return instrument;
  };
  return {
    contentType: register.contentType,
    render: () => register.metrics(),
    counter(shape) {
      const counter = once(shape, () => new Counter(configOf(shape, register)));
      return {
        add: (count, labels) =>
          labels === undefined ? counter.inc(count) : counter.inc({ ...labels }, count),
      };
    },
    gauge(shape) {
      const gauge = once(shape, () => new Gauge(configOf(shape, register)));
      return {
        set: (value, labels) =>
          labels === undefined ? gauge.set(value) : gauge.set({ ...labels }, value),
      };
    },
    observedGauge(shape, read) {
      once(shape, () => {
        const collect = function collect(this: Gauge): void {
          this.set(read());
        };
        return new Gauge({ ...configOf(shape, register), collect });
      });
    },
    histogram(shape) {
      const { buckets } = shape;
      const histogram = once(shape, () => {
        return new Histogram({ ...configOf(shape, register), buckets: [...buckets] });
      });
      return {
        observe: (value, labels) =>
          labels === undefined ? histogram.observe(value) : histogram.observe({ ...labels }, value),
      };
    },
  };
}

const configOf = (shape: MetricShape, register: Registry) => ({
  name: shape.name,
  help: shape.help,
  labelNames: [...(shape.labels ?? [])],
  registers: [register],
});
