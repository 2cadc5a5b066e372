import { SeededPrng } from '@tidemark/ports/testing';
import type { SessionName } from '@tidemark/protocol';
import { plain, startInstant, startProcess } from '@tidemark/replica/testing';
import { expect, test } from 'vitest';
import { StreamView } from './stream-view.ts';

const name = 'session' as SessionName;

test('a process that cannot ask the log does not say that there is no such session', async () => {
  const one = await startInstant();
  const { simulated, clock } = one;
  const other = await startProcess({
    log: simulated.connect('other'),
    clock,
    prng: new SeededPrng(2),
  });
  await one.writes.create(one.tenant, name, plain);
  const open = (): Promise<StreamView> =>
    StreamView.open(other, other.tenant, { name, mustBeCurrent: false });
  simulated.setFaults((call) => (call === 'bounds' ? 'before' : undefined));
  await expect(open()).rejects.toMatchObject({ code: 'unavailable' });
  simulated.setFaults();
  expect((await open()).isCurrent).toBe(true);
  simulated.setFaults((call) => (call === 'bounds' ? 'before' : undefined));
  expect((await open()).isCurrent).toBe(false);
});
