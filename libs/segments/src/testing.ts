// What the simulation plants bugs into.
export { SegmentWriter } from './segment-writer.ts';
