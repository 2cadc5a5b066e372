export {
  describeEventLog,
  type OpenedEventLog,
  recordOf,
} from './testing/event-log-contract.ts';
export {
  type FaultAtCall,
  type FaultKind,
  type Faults,
  faultAtCall,
  noFaults,
  randomFaults,
  withEveryFault,
} from './testing/faults.ts';
export { describeObjectStore, type OpenedObjectStore } from './testing/object-store-contract.ts';
export { SeededPrng } from './testing/seeded-prng.ts';
export { SimulatedClock, settle } from './testing/simulated-clock.ts';
export {
  type CallCounts,
  SimulatedEventLog,
  type SimulatedEventLogOptions,
  type SimulatedLogHandle,
} from './testing/simulated-event-log.ts';
export {
  type CrashPoint,
  SimulatedFiles,
  type SimulatedFilesOptions,
} from './testing/simulated-files.ts';
export type {
  RangeMs,
  SimulatedDelays,
  SimulatedNetworkOptions,
} from './testing/simulated-network.ts';
export {
  compareKeys,
  SimulatedObjectStore,
  type SimulatedStoreHandle,
  type StoreCallCounts,
} from './testing/simulated-object-store.ts';
