// Plain data: this file is read by the suite's own vitest, whose helpers are not ours.
export default {
  test: {
    include: ['src/public-suite.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', 'json'],
    outputFile: { json: process.env['CONFORMANCE_REPORT'] ?? 'public-suite.log' },
  },
};
