import type { Benchmark } from './benchmark.ts';
import { append } from './benchmarks/append.ts';
import { appendBatches } from './benchmarks/append-batches.ts';
import { appendCpu } from './benchmarks/append-cpu.ts';
import { appendProducers } from './benchmarks/append-producers.ts';
import { appendSessions } from './benchmarks/append-sessions.ts';
import { archive } from './benchmarks/archive.ts';
import { catchUp } from './benchmarks/catch-up.ts';
import { coldRead } from './benchmarks/cold-read.ts';
import { cost } from './benchmarks/cost.ts';
import { fanOut } from './benchmarks/fan-out.ts';
import { importing } from './benchmarks/import.ts';
import { kafkaAppend } from './benchmarks/kafka-append.ts';
import { kafkaBatches } from './benchmarks/kafka-batches.ts';
import { loneAppend } from './benchmarks/lone-append.ts';
import { kafkaMillionSessions, millionSessions } from './benchmarks/million-sessions.ts';
import { readersWriters } from './benchmarks/readers-writers.ts';
import { search } from './benchmarks/search.ts';
import { searchHttp } from './benchmarks/search-http.ts';
import { sessions } from './benchmarks/sessions.ts';
import { shards } from './benchmarks/shards.ts';
import { soak } from './benchmarks/soak.ts';
import { sockets } from './benchmarks/sockets.ts';
import { start } from './benchmarks/start.ts';
import { tenants } from './benchmarks/tenants.ts';
import { wake } from './benchmarks/wake.ts';

/** All benchmarks, in the order in which they run. */
export const suite: readonly Benchmark[] = [
  append,
  appendProducers,
  loneAppend,
  appendCpu,
  appendSessions,
  appendBatches,
  fanOut,
  sockets,
  sessions,
  wake,
  catchUp,
  readersWriters,
  kafkaAppend,
  kafkaBatches,
  shards,
  tenants,
  start,
  search,
  searchHttp,
  coldRead,
  importing,
  cost,
  soak,
  archive,
  millionSessions,
  kafkaMillionSessions,
];
