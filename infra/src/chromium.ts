import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withFileLock } from './file-lock.ts';

/** A real Chromium, unpacked where it is not yet: by one process, while others wait for it. */
export const chromiumPath = (): Promise<string> =>
  withFileLock(join(tmpdir(), 'tidemark-chromium.lock'), async () => {
    // Only whoever wants a browser loads what unpacks it.
    const { default: chromium } = await import('@sparticuz/chromium');
    return chromium.executablePath();
  });
