export type { FastifyReply as EdgeReply, FastifyRequest as EdgeRequest } from 'fastify';
export { bytesOfChunk, chunkOf } from './chunk.ts';
export { bodyOf, createEdge, type Edge, type EdgeParts } from './edge.ts';
export { checkKeys, edgeDeclarations } from './edge-settings.ts';
export type { PeerOf } from './entrance.ts';
export { LiveAnswer, type LiveAnswerParts } from './live-answer.ts';
export { type OngoingBody, sendOngoing } from './ongoing-answer.ts';
export { addOperations, type Readiness } from './operations.ts';
export { envelopeOf } from './problem-envelope.ts';
export { problemBody, problemOf } from './problem-reply.ts';
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
export {
  type Front,
  type ListeningServer,
  type Role,
  type RunningRole,
  type ServeParts,
  type ServeSettings,
  serve,
} from './serve.ts';
export { credentialOf, type Identity, type LiveGrant, shareRefusal, Tenancy } from './tenancy.ts';
export { type TextFrame, textFrame } from './text-frame.ts';
export {
  closeCodes,
  type LiveSocket,
  type OpenSocket,
  type SocketHandler,
} from './web-sockets.ts';
