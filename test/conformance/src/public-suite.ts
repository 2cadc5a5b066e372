// The public suite, unmodified, against the server that the environment names. It runs under the
// vitest that the suite brings, which is why no other project includes this file.

import { runConformanceTests } from '@durable-streams/server-conformance-tests';

const baseUrl = process.env['CONFORMANCE_TEST_URL'];
if (baseUrl === undefined) throw new Error('CONFORMANCE_TEST_URL names the server');

runConformanceTests({
  baseUrl,
  longPollTimeoutMs: Number(process.env['CONFORMANCE_LONG_POLL_MS'] ?? 20_000),
  subscriptions: true,
});
