export { type DebtSettings, debtDefaults } from './debts.ts';
export { Expiries, type ExpirySettings, expiryDefaults } from './expiries.ts';
export { type RaisedLevel, raiseFoldLevel } from './fold-levels.ts';
export type { RetentionPlan } from './retention-plan.ts';
export { type PlannedSession, RetentionSweep } from './retention-sweep.ts';
export {
  type Appended,
  type Created,
  type CreateRequest,
  type ForkPoint,
  SessionWrites,
  type SessionWritesSettings,
} from './session-writes.ts';
export { ShardWriter } from './shard-writer.ts';
export { type RegisteredTenant, TenantRegistry, type TenantRequest } from './tenant-registry.ts';
export { type WriterSettings, writerDefaults } from './writer-settings.ts';
export { Writers, type WritersParts } from './writers.ts';
