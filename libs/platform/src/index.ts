export { Alarms } from './alarms.ts';
export { assignedShards } from './assigned-shards.ts';
export { operationsDeclarations, readinessOf, serveOperations } from './operations-server.ts';
export { createOutbound, type OutboundParts, type Resolver } from './outbound.ts';
export { isLoopbackAddress, isPublicAddress } from './outbound-address.ts';
export { Platform, type PlatformParts, type PlatformSettings } from './platform.ts';
export { type ProcessSettings, processDeclarations } from './process-settings.ts';
export {
  type Background,
  type Listening,
  main,
  type ProcessPlan,
  runProcess,
} from './run-process.ts';
export { openIn, StartRefusal } from './start-refusal.ts';
export { createLoopMeter, createSystemClock, createSystemPrng } from './system.ts';
export { type BucketSettings, type TenantStoreParts, TenantStores } from './tenant-stores.ts';
export { TimerWheel } from './timer-wheel.ts';
export { permitsFor, type WebhookRules, webhookMistake } from './webhook-url.ts';
