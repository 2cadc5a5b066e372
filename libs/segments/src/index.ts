export { type ArchivedRun, logsIn, runsOf, sessionsOf } from './bucket-contents.ts';
export { type ErasureProof, erasureProof } from './erasure-proof.ts';
export { type ExportPiece, type ExportRequest, exportEvents } from './event-export.ts';
export type { OrderedLine } from './ordered-lines.ts';
export { type PublishedObjects, publishedIn } from './published-in.ts';
export { SegmentArchive } from './segment-archive.ts';
export { everyLine, type WantedLines } from './wanted-lines.ts';
