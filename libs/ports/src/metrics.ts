export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(count: number, labels?: Labels): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

export interface MetricShape {
  /** `tidemark_<app>_<noun>_<unit>[_total]` */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** Asking twice for one name gives the same instrument. */
export interface Metrics {
  counter(shape: MetricShape): Counter;
  gauge(shape: MetricShape): Gauge;
  /** Reads its value when it is asked for. */
  observedGauge(shape: MetricShape, read: () => number): void;
  histogram(shape: MetricShape & { readonly buckets: readonly number[] }): Histogram;
}

const nothing = (): void => undefined;

export const silentMetrics: Metrics = {
  counter: () => ({ add: nothing }),
  gauge: () => ({ set: nothing }),
  observedGauge: nothing,
  histogram: () => ({ observe: nothing }),
};
