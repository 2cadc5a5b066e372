async function timedMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

export const timedSeconds = async (work: () => Promise<unknown>): Promise<number> =>
  (await timedMs(work)) / 1_000;
