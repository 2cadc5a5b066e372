import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';

/** Waits, to three digits, in whole microseconds. */
export class Latency {
  readonly #histogram: Histogram;

  constructor(
    histogram: Histogram = build({
      bitBucketSize: 32,
      autoResize: true,
      lowestDiscernibleValue: 1,
      highestTrackableValue: 60_000_000,
      numberOfSignificantValueDigits: 3,
    }),
  ) {
    this.#histogram = histogram;
  }

  static decode(text: string): Latency {
    return new Latency(decodeFromCompressedBase64(text, 32));
  }

  recordMs(ms: number): void {
    this.#histogram.recordValue(Math.max(1, Math.round(ms * 1_000)));
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  add(other: Latency): void {
    this.#histogram.add(other.#histogram);
  }

  /** Milliseconds below which this share of the waits lies. */
  atMs(share: number): number {
    return this.#histogram.getValueAtPercentile(share * 100) / 1_000;
  }

  reset(): void {
    this.#histogram.reset();
  }

  encode(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }
}
