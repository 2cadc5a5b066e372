// What the operating system knows of a process. Linux.

import { readFileSync } from 'node:fs';

/** Kernel ticks a second, as /proc counts them: fixed at 100 for user space. */
const ticksPerSecond = 100;

export interface ProcessFigures {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly peakBytes: number;
  /** Through system calls: files and sockets. */
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Sent to the disk. */
  readonly diskBytes: number;
}

const none: ProcessFigures = {
  cpuSeconds: 0,
  residentBytes: 0,
  peakBytes: 0,
  readBytes: 0,
  writtenBytes: 0,
  diskBytes: 0,
};

export function processFigures(pid: number): ProcessFigures {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const io = readFileSync(`/proc/${pid}/io`, 'utf8');
    return {
      cpuSeconds: cpuSeconds(pid),
      residentBytes: field(status, 'VmRSS') * 1_024,
      peakBytes: field(status, 'VmHWM') * 1_024,
      readBytes: field(io, 'rchar'),
      writtenBytes: field(io, 'wchar'),
      diskBytes: field(io, 'write_bytes'),
    };
  } catch {
    return none;
  }
}

const field = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);

/** Of all children of this process that have ended. */
export const endedChildrenCpuSeconds = (): number => secondsIn(process.pid, [13, 14]);

const cpuSeconds = (pid: number): number => secondsIn(pid, [11, 12]);

/** Time in user and in system mode, by where they stand behind the name. */
function secondsIn(pid: number, places: readonly number[]): number {
  // What follows the name, which may itself hold blanks and parentheses.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return places.reduce((sum, place) => sum + Number(fields[place]), 0) / ticksPerSecond;
}
