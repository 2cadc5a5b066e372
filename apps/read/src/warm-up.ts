import type { Platform } from '@tidemark/platform';
import { sleep } from '@tidemark/ports';
import { warmUpSearch } from '@tidemark/search';

/** So long at most, beside whoever asks already. */
const warmUpMs = 1_000;

/** A process's first question would else be answered by code that is not compiled. */
export async function warmUpSearches({ parts: { clock, logger } }: Platform): Promise<void> {
  const endMs = clock.monotonicMs() + warmUpMs;
  const rest = (): Promise<void> => sleep(clock, 0);
  try {
    await warmUpSearch({ rest, isOver: () => clock.monotonicMs() >= endMs });
  } catch (cause) {
    logger.warn({ err: cause }, 'first questions will take longer');
  }
}
