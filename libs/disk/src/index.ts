export {
  type DiskLog,
  type DiskLogComponents,
  type DiskLogSettings,
  openDiskLog,
} from './disk-log.ts';
export { nodeFiles } from './node-files.ts';
