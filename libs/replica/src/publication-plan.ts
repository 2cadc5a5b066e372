// What a publication writes: the sessions that have changed, and the rows that they stand in.

import type { Entry } from '@tidemark/tables';
import { agendaOf } from './agenda.ts';
import { type CatalogEntry, entryOf, rowsOf } from './catalog.ts';
import type { FoldedSession } from './folded-session.ts';
import type { EndedIncarnation, EventSpan, IndexChange } from './publication-index.ts';
import { indexedOf, type Snapshot } from './session-table.ts';
import { catalogRow, dueRow, sessionRow, usageRow } from './table-publications.ts';
import {
  changedRows,
  encodeUsage,
  standingOf,
  type UsageStanding,
  usageRowsOf,
} from './usage-rows.ts';

/** What a publication makes of a session that it names. */
export interface Planned {
  readonly session: FoldedSession;
  readonly dueMs: number | undefined;
  readonly entry: CatalogEntry | undefined;
  readonly usage: UsageStanding;
  readonly indexed: FoldedSession['indexed'];
}

export const planOf = (session: FoldedSession): Planned => ({
  session,
  dueMs: agendaOf(session.state),
  entry: entryOf(session.state),
  usage: standingOf(session.state),
  indexed: indexedOf(session.state),
});

/** Of JSON sessions: what was appended since they were published, and what is over since then. */
export function changeOf(planned: readonly Planned[]): IndexChange {
  const added: EventSpan[] = [];
  const ended: EndedIncarnation[] = [];
  for (const { session, indexed: now } of planned) {
    const { key, state, indexed: before } = session;
    const { tenant, name, stream } = state;
    if (name.startsWith('$')) continue;
    const isSame = before !== undefined && before.incarnation === now?.incarnation;
    if (before !== undefined && !isSame)
      ended.push({ tenant, key, incarnation: before.incarnation });
    if (now === undefined || stream?.isJson !== true) continue;
    const firstSeq = isSame ? before.endSeq : (session.events?.firstSeq ?? 0);
    const { incarnation, endSeq } = now;
    if (firstSeq < endSeq) added.push({ tenant, key, incarnation, firstSeq, endSeq });
  }
  return { added, ended };
}

const byKey = (one: Entry, other: Entry): number => Buffer.compare(one.key, other.key);
const present = new Uint8Array(0);

/** Of the catalogue, what is not there yet, and what is not there any more. */
function catalogRows(planned: readonly Planned[]): Entry[] {
  const rows: Entry[] = [];
  for (const { session, entry } of planned) {
    const [before, now] = [rowsOf(session.publishedEntry), rowsOf(entry)];
    for (const row of before) {
      if (!now.includes(row)) rows.push({ key: catalogRow(row), value: undefined });
    }
    for (const row of now) {
      if (!before.includes(row)) rows.push({ key: catalogRow(row), value: present });
    }
  }
  return rows.sort(byKey);
}

/** Days of which something else is published, or nothing. */
function changedUsage(planned: readonly Planned[]): Entry[] {
  const rows: Entry[] = [];
  for (const { session, usage } of planned) {
    const { state, key, publishedUsage } = session;
    const now = usageRowsOf(state, usage, key);
    const before = publishedUsage === undefined ? [] : usageRowsOf(state, publishedUsage, key);
    for (const each of changedRows(now, before)) {
      rows.push({ key: usageRow(each.row), value: encodeUsage(each) });
    }
  }
  return rows.sort(byKey);
}

/** In key order: the catalogue, what is due, the sessions, what they took in. */
export function* entriesOf(planned: readonly Planned[], snapshot: Snapshot): Generator<Entry> {
  const usage = changedUsage(planned);
  yield* catalogRows(planned);
  const due: Entry[] = [];
  for (const { session, dueMs } of planned) {
    const { key, publishedDueMs } = session;
    if (publishedDueMs === dueMs) continue;
    if (publishedDueMs !== undefined)
      due.push({ key: dueRow(publishedDueMs, key), value: undefined });
    if (dueMs !== undefined) due.push({ key: dueRow(dueMs, key), value: present });
  }
  yield* due.sort(byKey);
  for (const { session, encoded } of snapshot.entries()) {
    yield { key: sessionRow(session.key), value: encoded };
  }
  yield* usage;
}
