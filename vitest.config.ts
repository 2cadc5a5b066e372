import { defineConfig } from 'vitest/config';

const none = ['**/node_modules/**'];
const tiers = ['int', 'sim', 'e2e', 'chaos'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          // A busy machine is slow, not wrong.
          testTimeout: 300_000,
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
          // A planted bug that few seeds show takes its time where others want the machine as well.
          testTimeout: tier === 'sim' ? 1_500_000 : 300_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      })),
    ],
  },
});
