// The record of a source, kept with the events that were made of it, so that it can be exported again as it
// was. What stands in an event already is not stored twice: the record has a hole there, which names the
// event and the place in it.
//
//   native of the first event  {format, record, holes: [[path in the record, part, path in that event]...], parts}
//   native of the others       {of: id of the first, part}
//
// A record that is too large for an event is its text in pieces: each native has a piece, and nothing has holes.
//
// Stored.

export type Path = readonly (string | number)[];
export type Hole = readonly [record: Path, part: number, event: Path];

export type NativePart =
  | {
      readonly format: string;
      readonly record: unknown;
      readonly holes: readonly Hole[];
      readonly parts: number;
      readonly piece?: string;
    }
  | { readonly of: string; readonly part: number; readonly piece?: string };
