export { type IndexerParts, SessionIndexer } from './session-indexer.ts';
