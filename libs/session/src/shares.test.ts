import { bytesOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeAspects } from './aspects.ts';
import { goodToken, type ShareEntry } from './client-tokens.ts';
import { decideAddToken, decidePutFact } from './session-decide.ts';
import { sharedStream, shareOf } from './shares.ts';
import { absentSession, type StreamState } from './state.ts';
import { decodeState, encodeState } from './state-codec.ts';
import { createPlain, FoldedAlone } from './testing.ts';

const actor = { by: 'somebody', requestId: 'req_1' };
const whole = Number.MAX_SAFE_INTEGER;

function sessionOf(eventCount: number, contentType = 'application/json'): FoldedAlone {
  const session = new FoldedAlone();
  session.run({ ...createPlain, contentType });
  const events = Array.from({ length: eventCount }, () => bytesOf('1'));
  if (eventCount > 0) session.run({ kind: 'append', contentType, events, close: false });
  return session;
}

function streamOf({ state }: FoldedAlone): StreamState {
  if (state.stream === undefined) throw new Error('there is no stream');
  return state.stream;
}

const tokenOf = (share: ShareEntry) => ({
  id: 'tok_1',
  hash: 'a'.repeat(64),
  scopes: [],
  createdAtMs: 0,
  endsAtMs: 10_000,
  share,
});

const add = (session: FoldedAlone, share: ShareEntry) =>
  session.run({ kind: 'fact', decide: decideAddToken(tokenOf(share), actor) });

describe('a share', () => {
  test('is kept with its token, through a stored state as well', () => {
    const session = sessionOf(3);
    const share = { firstSeq: 1, lastSeq: 2, isRedacted: true };
    expect(add(session, share).kind).toBe('write');
    const encoded: unknown = JSON.parse(JSON.stringify(encodeState(session.state)));
    const restored = decodeState(absentSession('tenant', 'session'), encoded);
    const token = goodToken(restored?.stream?.aspects.tokens ?? [], tokenOf(share), 5_000);
    expect(token).toMatchObject({ scopes: [], share });
    expect(shareOf(streamOf(session), share)).toEqual({
      firstSeq: 1,
      endSeq: 3,
      isRedacted: true,
    });
  });

  test.each([
    ['begins behind the end', { firstSeq: 4, isRedacted: false }],
    ['ends before it begins', { firstSeq: 2, lastSeq: 1, isRedacted: false }],
    ['is of halves', { firstSeq: 0.5, isRedacted: false }],
    ['does not say whether it is redacted', { firstSeq: 0 } as unknown as ShareEntry],
  ])('that %s is refused, and opens nothing', (_why, share) => {
    const session = sessionOf(3);
    expect(add(session, share).kind).toBe('problem');
    expect(shareOf(streamOf(session), share)).toBeUndefined();
  });

  test('may begin at the end, and is of no bytes', () => {
    const share = { firstSeq: 3, isRedacted: false };
    expect(shareOf(streamOf(sessionOf(3)), share)).toEqual({ ...share, endSeq: whole });
    expect(add(sessionOf(3, 'text/plain'), { firstSeq: 0, isRedacted: false }).kind).toBe(
      'problem',
    );
  });
});

test('a shared stream begins and ends with its share, and tells nothing of what else the session is', () => {
  const count = fc.nat(12);
  fc.assert(
    fc.property(count, count, count, count, (tailSeq, headSeq, firstSeq, length) => {
      const session = sessionOf(tailSeq);
      session.run({
        kind: 'fact',
        decide: decidePutFact({ key: 'k', value: '1', version: undefined }, actor),
      });
      const stream = streamOf(session);
      const head = Math.min(headSeq, tailSeq);
      const { keeping } = stream.aspects;
      const kept = { ...keeping, head: { seq: head, position: head } };
      const share = shareOf(stream, { firstSeq, lastSeq: firstSeq + length, isRedacted: false });
      expect(share === undefined).toBe(firstSeq > tailSeq);
      if (share === undefined) return;
      const trimmed = { ...stream, aspects: { ...stream.aspects, keeping: kept } };
      const shared = sharedStream(trimmed, share);
      const begin = shared.aspects.keeping.head.seq;
      const expected = Array.from({ length: tailSeq }, (_, seq) => seq).filter(
        (seq) => seq >= head && seq >= firstSeq && seq <= firstSeq + length,
      );
      expect(Array.from({ length: shared.tailSeq - begin }, (_, at) => begin + at)).toEqual(
        expected,
      );
      expect(shared.tailPosition).toBe(shared.tailSeq);
      expect(Object.keys(encodeAspects(shared.aspects) ?? {})).toEqual(['keeping']);
      expect(shared.bytes).toBe(0);
    }),
  );
});
