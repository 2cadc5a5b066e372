export { cacheDeclarations, cacheSettingsOf } from './declared-settings.ts';
export {
  type DiskLog,
  type DiskLogComponents,
  type DiskLogSettings,
  openDiskLog,
} from './disk-log.ts';
export { type FolderStoreSettings, openFolderStore } from './folder-store.ts';
export { nodeFiles } from './node-files.ts';
export { openRangeCache, type RangeCacheSettings } from './range-cache.ts';
