import fc from 'fast-check';
import { expect, test } from 'vitest';
import { onlyPeer, Share } from './share.ts';

function takeAll(share: Share, peer: string): number {
  let count = 0;
  while (share.take(peer, 1) === 'taken') count += 1;
  return count;
}

test('one peer has three quarters, and whoever comes then finds room', () => {
  const share = new Share(2_048);
  expect(takeAll(share, 'loud')).toBe(1_536);
  expect(share.take('quiet', 1)).toBe('taken');
});

test('where there are no keys there is nobody to share with', () => {
  const share = new Share(2_048);
  expect(takeAll(share, onlyPeer)).toBe(2_048);
  expect(share.take(onlyPeer, 1)).toBe('none-left');
});

test('however many are loud, and in whatever order they come, a newcomer finds room', () => {
  const peers = fc.array(fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 2_000 })), { maxLength: 200 });
  fc.assert(
    fc.property(peers, (asked) => {
      const share = new Share(65_536);
      for (const [peer, amount] of asked) share.take(`loud-${peer}`, amount);
      expect(share.take('quiet', 1)).toBe('taken');
    }),
  );
});

test('what was taken and given back leaves nothing behind', () => {
  const amounts = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 100 })));
  fc.assert(
    fc.property(amounts, (asked) => {
      const share = new Share(1_000);
      const taken = asked.filter(([peer, amount]) => share.take(String(peer), amount) === 'taken');
      for (const [peer, amount] of taken) share.give(String(peer), amount);
      expect([share.taken, share.peerCount]).toEqual([0, 0]);
    }),
  );
});
