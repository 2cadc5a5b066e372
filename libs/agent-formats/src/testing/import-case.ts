/** A file as its tool writes it; the last line may be torn. */
export interface CaseFile {
  /** Below the tool's own folder. */
  readonly path: string;
  readonly text: string;
}

/** What a tool has written, and what is to become of it. */
export interface ImportCase {
  readonly name: string;
  readonly files: readonly CaseFile[];
  /** By the key of a thread; the session's own under the empty one. */
  readonly types: Readonly<Record<string, readonly string[]>>;
  /** What was left behind, in the order of leaving: each is a fork that has this. */
  readonly left?: readonly (readonly string[])[];
}

export const linesOf = (records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');
