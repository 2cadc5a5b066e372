// node file-writer-main.ts <folder> <frames a write> <frame bytes> <ms>: the least that a durable
// append costs on this disk. Frames (length, CRC, bytes) are written and synced, one write after
// another, by blocking calls. Prints its figures as JSON.

import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { crc32 } from 'node:zlib';
import { Latency } from '../load/latency.ts';

const [, , folder = '', frames = '1', frameBytes = '256', forMs = '1000'] = argv;
const file = join(folder, `file-writer-${process.pid}`);
const event = Buffer.alloc(Number(frameBytes), 'x');
const frame = Buffer.alloc(8 + event.length);
const write = Buffer.alloc(frame.length * Number(frames));

function fill(): void {
  for (let index = 0; index < Number(frames); index += 1) {
    frame.writeUInt32LE(event.length, 0);
    frame.writeUInt32LE(crc32(event), 4);
    event.copy(frame, 8);
    frame.copy(write, index * frame.length);
  }
}

const descriptor = openSync(file, 'w');
const latency = new Latency();
let startMs = performance.now();
let cpu = process.cpuUsage();
const warmMs = Number(forMs) / 5;
let isWarm = false;
let count = 0;
for (;;) {
  const beginMs = performance.now();
  if (!isWarm && beginMs - startMs > warmMs) {
    isWarm = true;
    startMs = beginMs;
    cpu = process.cpuUsage();
    count = 0;
    latency.reset();
  }
  if (isWarm && beginMs - startMs > Number(forMs)) break;
  fill();
  writeSync(descriptor, write);
  fdatasyncSync(descriptor);
  latency.recordMs(performance.now() - beginMs);
  count += 1;
}
const seconds = (performance.now() - startMs) / 1_000;
const { user, system } = process.cpuUsage(cpu);
closeSync(descriptor);
rmSync(file);
const figures = { latency: latency.encode(), count, seconds, cpuSeconds: (user + system) / 1e6 };
stdout.write(
  `${JSON.stringify({ ...figures, peakBytes: process.resourceUsage().maxRSS * 1_024 })}\n`,
);
