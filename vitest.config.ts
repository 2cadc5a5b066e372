import { defineConfig } from 'vitest/config';

const none = ['**/node_modules/**'];
const tiers = ['int', 'sim', 'e2e', 'chaos'];
/** A planted bug that few seeds show, and runs under faults, take their time where others want the machine as well. */
const timeouts: Readonly<Record<string, number>> = { sim: 1_500_000, chaos: 900_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          // A busy machine is slow, not wrong.
          testTimeout: 300_000,
          // Nearly all of them are pure: what they import is read once for all, for half the time.
          isolate: false,
          include: ['{libs,apps,infra,test,bench}/**/*.test.ts'],
          exclude: [...none, 'test/tidy/**', ...tiers.map((tier) => `**/*.${tier}.test.ts`)],
        },
      },
      { test: { name: 'tidy', include: ['test/tidy/**/*.test.ts'], testTimeout: 120_000 } },
      ...tiers.map((tier) => ({
        test: {
          name: tier,
          include: [`{libs,apps,infra,test,bench}/**/*.${tier}.test.ts`],
          exclude: none,
          testTimeout: timeouts[tier] ?? 300_000,
          hookTimeout: 180_000,
          // Polls that have no time of their own: a second is not much for a browser on a busy machine.
          expect: { poll: { timeout: 30_000 } },
          fileParallelism: false,
        },
      })),
    ],
  },
});
