export type {
  EndedIncarnation,
  EventSpan,
  IndexChange,
  IndexParts,
  PublicationIndexer,
} from './publication-index.ts';
export type { PublishedIndex } from './published.ts';
export {
  Publisher,
  type PublisherParts,
  type PublisherSettings,
  publisherDefaults,
} from './publisher.ts';
