import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Budget, type Session } from './budget.ts';

const step = fc.record({
  kind: fc.constantFrom('grow', 'grow', 'idle', 'idle', 'busy', 'forget'),
  index: fc.nat(5),
  bytes: fc.nat(40),
});

test('what cannot go is what is kept without what is idle, whatever goes to make room', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const budget = new Budget(100);
      const sessions = Array.from({ length: 6 }, () => ({
        chargedBytes: 0,
        isIdle: false,
        idle: undefined as Session['idle'],
      }));
      const forget = (session: (typeof sessions)[number]): void => {
        budget.setBusy(session);
        budget.chargeSession(-session.chargedBytes);
        Object.assign(session, { chargedBytes: 0, isIdle: false });
      };
      for (const { kind, index, bytes } of steps) {
        const session = sessions[index];
        if (session === undefined) continue;
        if (kind === 'forget') forget(session);
        if (kind === 'idle') budget.setIdle(session, { evict: forget });
        else budget.setBusy(session);
        session.isIdle = kind === 'idle';
        if (kind === 'grow') {
          session.chargedBytes += bytes;
          budget.chargeSession(bytes);
        }
        const of = (isIdle: boolean): number =>
          sessions
            .filter((each) => each.isIdle === isIdle)
            .reduce((sum, { chargedBytes }) => sum + chargedBytes, 0);
        expect(budget.busyBytes).toBe(of(false));
        expect(budget.sessionBytes).toBe(of(false) + of(true));
        const hasMadeRoom = kind === 'grow' && bytes > 0;
        if (hasMadeRoom && of(true) > 0)
          expect(budget.sessionBytes).toBeLessThanOrEqual(budget.bytesMax);
      }
    }),
  );
});
