// What the simulation plants bugs into.
export { PastFold } from './past-fold.ts';
export { SegmentWriter } from './segment-writer.ts';
