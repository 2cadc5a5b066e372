/** What a test may know of a cluster that it shares with others: it must not hurt it. */
export interface SharedKafka extends AsyncDisposable {
  readonly bootstrap: readonly string[];
  readonly brokers: readonly { readonly id: number; readonly pid: number }[];
}
