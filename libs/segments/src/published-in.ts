import type { ObjectStore } from '@tidemark/ports';
import { TablePublications } from '@tidemark/replica';
import { TableStore } from '@tidemark/tables';
import { SegmentArchive } from './segment-archive.ts';

/** For ends and blocks of tables, beside the memory for sessions. */
const tableCacheBytes = 64 * 1_024 * 1_024;
/** For the directories of segments. */
const archiveCacheBytes = 32 * 1_024 * 1_024;

export interface PublishedObjects {
  readonly tables: TableStore;
  readonly publications: TablePublications;
  readonly archive: SegmentArchive;
}

/** What a process looks up in an object store: sessions, their index, events that the log has let go. */
export function publishedIn(objects: ObjectStore): PublishedObjects {
  const tables = new TableStore(objects, { cacheBytesMax: tableCacheBytes });
  const archive = new SegmentArchive(objects, { cacheBytesMax: archiveCacheBytes });
  return { tables, publications: new TablePublications(objects, tables), archive };
}
