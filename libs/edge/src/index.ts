export type { FastifyReply as EdgeReply, FastifyRequest as EdgeRequest } from 'fastify';
export { leaveStalled } from './admission.ts';
export { bodyOf, createEdge, type Edge, type EdgeParts } from './edge.ts';
export type { PeerOf } from './entrance.ts';
export { isKey, keyRule } from './keys.ts';
export { addOperations, type Readiness } from './operations.ts';
export { createOutbound, type OutboundParts, type Resolver } from './outbound.ts';
export { isLoopbackAddress, isPublicAddress } from './outbound-address.ts';
export { Platform, type PlatformParts, type PlatformSettings } from './platform.ts';
export { problemBody, problemOf } from './problem-reply.ts';
export { checkKeys, type ProcessSettings, processDeclarations } from './process-settings.ts';
export {
  commonHeaders,
  type HeaderPairs,
  headerPairs,
  type RawBody,
  sendRaw,
} from './raw-answer.ts';
export {
  bearerOf,
  headerOf,
  isClosedHeader,
  naturalHeader,
  parameterOf,
  parseNatural,
  pathOf,
  queryOf,
  streamNameOf,
  streamPrefix,
  tokenOf,
} from './requests.ts';
export { main, type ProcessParts, runProcess } from './run-process.ts';
export {
  type Listening,
  type Role,
  type RunningRole,
  type ServeParts,
  type ServeSettings,
  serve,
} from './serve.ts';
export { openIn } from './start-refusal.ts';
export { createSystemClock, createSystemPrng } from './system.ts';
export { hashKey, Tenancy } from './tenancy.ts';
export { TimerWheel } from './timer-wheel.ts';
