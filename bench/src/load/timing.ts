export const after = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const firstAnswerMs = 10_000;

/** Longer than the window, if nothing was answered in it: a moment on a busy machine is no failure. */
export async function untilSome(count: () => number): Promise<void> {
  const endMs = performance.now() + firstAnswerMs;
  while (count() === 0 && performance.now() < endMs) await after(5);
}
