export { Arena } from './arena.ts';
export { assert, BrokenInvariant, present, unreachable } from './assert.ts';
export {
  bytesOf,
  concatBytes,
  emptyBytes,
  equalBytes,
  hexOf,
  ownBytes,
  strictTextOf,
  textOf,
} from './bytes.ts';
export { murmur2, partitionOf } from './murmur2.ts';
export { Pace, steps } from './pace.ts';
export { Questions } from './questions.ts';
export { Queue } from './queue.ts';
export { type Place, Recency, RecentMap } from './recency.ts';
export {
  choice,
  integer,
  list,
  optional,
  readSettings,
  Secret,
  type Setting,
  SettingsMistakes,
  type SettingsOf,
  secret,
  text,
} from './settings.ts';
export { createTasks, type Tasks } from './tasks.ts';
export { compareText } from './text-order.ts';
export {
  unsignedVarintBytes,
  VarintReader,
  varintBytes,
  writeUnsignedVarint,
  writeVarint,
} from './varint.ts';
