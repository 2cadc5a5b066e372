export { agentObject, changedAgent, newAgent } from './agent-objects.ts';
export {
  credentialDefaults,
  credentialObject,
  credentialPrefix,
  credentialPurpose,
  credentialSession,
  newCredential,
} from './credentials.ts';
export { deliveryPayload } from './delivery-payload.ts';
export {
  deliveryId,
  deliveryNamed,
  deliveryObject,
  destinationFrom,
  destinationObject,
  destinationPurpose,
  linkTo,
  type SharedDestination,
  sharedDestinations,
  sharedDestinationsIn,
  sharedObject,
  wants,
} from './destinations.ts';
export { isLevel, isWithinLevel, type Level, matchesType, parseLevel } from './levels.ts';
export {
  contentOf,
  type Message,
  messageOf,
  reportedEvents,
  runEventAt,
  shortened,
  type ToldEvent,
} from './run-events.ts';
export {
  type RunStatus,
  runObject,
  runStatuses,
  runStatusOf,
  turnObjects,
} from './session-objects.ts';
export { type CreateRun, parseCreateRun, plainMetadata, runOf } from './session-requests.ts';
