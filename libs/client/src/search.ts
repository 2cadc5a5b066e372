/** An event that was found by its words. */
export interface SearchHit {
  readonly session_id: string;
  readonly seq: number;
  readonly event_id: string;
  readonly type: string;
  readonly tool: string | null;
  readonly is_error: boolean;
  readonly processed_at: string | null;
  readonly score: number;
  readonly snippet: string;
  /** Of the snippet: where each word begins and ends. */
  readonly highlights: readonly (readonly [number, number])[];
}

export interface SearchPage {
  readonly data: readonly SearchHit[];
  readonly next_page: string | null;
  readonly not_searched: Readonly<Record<string, unknown>>;
}
