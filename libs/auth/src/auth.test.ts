import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatClientToken, parseClientToken } from './client-token.ts';
import { hashKey, isKey, keyIdOf } from './keys.ts';
import { TokenBucket } from './token-bucket.ts';

test('a key goes through a header, is not guessed, and is spoken of without being told', () => {
  expect(isKey('k'.repeat(24))).toBe(true);
  for (const bad of ['short', 'k'.repeat(257), `${'k'.repeat(24)} `, `ü${'k'.repeat(24)}`]) {
    expect(isKey(bad)).toBe(false);
  }
  expect(keyIdOf(hashKey('k'.repeat(24)))).toMatch(/^key_[0-9a-f]{16}$/);
});

test('a client token tells where to look, whatever its session is called; anything else is none', () => {
  const name = fc
    .string({ minLength: 1, unit: 'grapheme', maxLength: 200 })
    .filter((text) => !text.includes('\n'));
  fc.assert(
    fc.property(name, (session) => {
      const token = { tenant: 'acme', session, id: 'tok_1', secret: 's'.repeat(26) };
      expect(parseClientToken(formatClientToken(token))).toEqual(token);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseClientToken(text)).toBeUndefined();
      parseClientToken(`tmct_${text}`);
    }),
  );
});

test('a bucket lets through its rate and its burst, and what waits as long as it says gets in', () => {
  const rate = fc.integer({ min: 1, max: 1_000 });
  fc.assert(
    fc.property(
      rate,
      fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 60 }),
      (perSecond, amounts) => {
        let nowMs = 0;
        let taken = 0;
        const bucket = new TokenBucket(perSecond, nowMs);
        for (const amount of amounts) {
          nowMs += bucket.waitMs(nowMs);
          expect(bucket.waitMs(nowMs)).toBe(0);
          // Whatever was taken before was there, but for the debt of the last.
          const allowed = perSecond + (perSecond * nowMs) / 1_000;
          expect(taken).toBeLessThanOrEqual(allowed + 1e-6);
          bucket.take(amount, nowMs);
          taken += amount;
        }
      },
    ),
  );
});

test('whoever needs something whole waits for a whole one: what is counted one by one is never exceeded', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.nat(90_000), { maxLength: 60 }),
      (perHour, pauses) => {
        let nowMs = 0;
        let taken = 0;
        const bucket = new TokenBucket(perHour / 3_600, nowMs, perHour);
        for (const pause of pauses) {
          nowMs += pause;
          if (bucket.waitMs(nowMs, 1) > 0) continue;
          bucket.take(1, nowMs);
          taken += 1;
          expect(taken).toBeLessThanOrEqual(perHour + (perHour * nowMs) / 3_600_000 + 1e-6);
        }
      },
    ),
  );
});
