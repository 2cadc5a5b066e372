// What a session keeps no more is read by nobody, in no form, and is in no segment once it was due; nothing else is
// missing.

import { type FaultKind, faultAtCall, withEveryFault } from '@tidemark/ports/testing';
import { isProblem, type SessionName } from '@tidemark/protocol';
import { decideHold, decideRedact, decideReleaseHold, decideTrim } from '@tidemark/session';
import { bytesOf, textOf } from '@tidemark/std';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { erasureProof } from './erasure-proof.ts';
import { nameOf } from './testing/cell.ts';
import { actor, KeptSessions, wordOf, wordsIn } from './testing/kept-sessions.ts';

const steps = fc.array(
  fc.record({
    session: fc.nat(5),
    count: fc.integer({ min: 1, max: 6 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    next: fc.constantFrom('append', 'append', 'append', 'trim', 'redact', 'tier', 'both', 'later'),
  }),
  { minLength: 1, maxLength: 50 },
);

test('whatever is trimmed and redacted, when and wherever it lies', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const kept = new KeptSessions();
      const { cell } = kept;
      const process = await cell.start();
      for (const { session, count, share, next } of all) {
        if (next === 'append') await kept.append(process, session, count);
        if (next === 'trim') await kept.trim(process, session, share);
        if (next === 'redact') await kept.redact(process, session, share);
        if (next === 'both') await process.publish();
        if (next === 'tier' || next === 'both') await process.tier();
        if (next === 'later') await cell.clock.advance(11_000);
      }
      expect(await kept.found(process)).toEqual(kept.expected);
      await process.publish();
      await process.tier();
      expect(await kept.found(await cell.start())).toEqual(kept.expected);
      await cell.clock.advance(11_000);
      await process.tier();
      await cell.clock.advance(3_000);
      await process.tier();
      const stored = kept.stored();
      for (const word of kept.words().gone) expect(stored).not.toContain(word);
      expect(await kept.found(await cell.start())).toEqual(kept.expected);
    }),
    { numRuns: 60 },
  );
}, 120_000);

async function refusalOf(act: Promise<unknown>): Promise<string> {
  const cause = await act.then(
    () => undefined,
    (problem: unknown) => problem,
  );
  return isProblem(cause) ? cause.code : 'none';
}

test('while a session is held nothing of it goes', async () => {
  const kept = new KeptSessions();
  const process = await kept.cell.start();
  const { writes, tenant } = process;
  await kept.append(process, 0, 4);
  await kept.submit(process, 0, decideHold('a case', actor));
  const trim = decideTrim({ seq: 2, position: 2 }, actor);
  expect(await refusalOf(kept.submit(process, 0, trim))).toBe('session-held');
  expect(await refusalOf(kept.submit(process, 0, decideRedact(1, actor)))).toBe('session-held');
  expect(await refusalOf(writes.delete(tenant, nameOf(0)))).toBe('session-held');
  await kept.submit(process, 0, decideReleaseHold(actor));
  await kept.trim(process, 0, 0.5);
  expect(await kept.found(process)).toEqual(kept.expected);
  await writes.delete(tenant, nameOf(0));
});

test('below the head is told as such, and so is a fork from there; forks keep their source whole', async () => {
  const kept = new KeptSessions();
  const process = await kept.cell.start();
  const { shards, writes, tenant, replica } = process;
  await kept.append(process, 0, 6);
  await kept.trim(process, 0, 0.5);
  const { clock } = kept.cell;
  const read = (name: string, position: number) =>
    replica.with(name, (session) => {
      const bounds = { position, bytesMax: 1 << 20, eventsMax: 100 };
      return shards.reader.read({ replica, session }, bounds);
    });
  expect(await refusalOf(clock.runUntil(read(nameOf(0), 2)))).toBe('behind-head');
  const fork = async (name: string, offset: string) =>
    writes.create(tenant, name as SessionName, {
      contentType: undefined,
      ttlMs: undefined,
      expiresAtMs: undefined,
      isClosed: false,
      events: [],
      fork: { source: nameOf(0), offset, subOffset: 0 },
    });
  const tag = await replica.with(nameOf(0), ({ state }) => state.stream?.tag ?? '');
  const at = (position: number): string => `${String(position).padStart(16, '0')}_${tag}`;
  expect(await refusalOf(fork('early', at(1)))).toBe('behind-head');
  await fork('late', at(5));
  expect(await refusalOf(clock.runUntil(read('late', 0)))).toBe('behind-head');
  const range = await clock.runUntil(read('late', 3));
  expect(wordsIn(range.split().map(textOf))).toEqual([wordOf(0, 3), wordOf(0, 4)]);
  const trim = decideTrim({ seq: 5, position: 5 }, actor);
  expect(await refusalOf(kept.submit(process, 0, trim))).toBe('invalid-request');
});

test('a head that cannot be said is void', async () => {
  const kept = new KeptSessions();
  const process = await kept.cell.start();
  await kept.append(process, 0, 4);
  const said = async (fact: object): Promise<number | undefined> => {
    const value = bytesOf(JSON.stringify({ ...fact, ...actor }));
    const drafts = [{ kind: 'fact' as const, value }];
    await kept
      .submit(process, 0, () => ({ kind: 'records', drafts, answer: undefined }))
      .catch(() => undefined);
    const { replica } = process;
    return replica.with(nameOf(0), ({ state }) => state.stream?.aspects.keeping.version);
  };
  for (const fact of [
    { type: 'trimmed', seq: 5, position: 5 },
    { type: 'trimmed', seq: 2, position: 3 },
    { type: 'trimmed', seq: 0, position: 0 },
    { type: 'redacted', seq: 4 },
    { type: 'redacted', seq: -1 },
    { type: 'held' },
    { type: 'released' },
    { type: 'retained', policy: { ageMs: 'x' } },
  ]) {
    expect(await said(fact)).toBe(0);
  }
});

test('an erasure is told, and proved once it is carried out', async () => {
  const kept = new KeptSessions();
  const { cell } = kept;
  const process = await cell.start();
  const { archive, replica, writes, tenant } = process;
  for (const session of [0, 2]) await kept.append(process, session, 3);
  await process.publish();
  await process.tier();
  await writes.delete(tenant, nameOf(0));
  const proof = () =>
    cell.clock.runUntil(
      erasureProof(
        archive,
        { replica, tenant: tenant.id, key: nameOf(0) },
        new AbortController().signal,
      ),
    );
  expect(await proof()).toMatchObject({ status: 'waits', rewritten: [] });
  const [was] = (await proof()).left;
  await process.tier();
  expect(await proof()).toMatchObject({ status: 'waits', left: [was] });
  await cell.clock.advance(11_000);
  await process.tier();
  const told = await proof();
  expect(told).toMatchObject({ left: [], rewritten: [{ was, isDeleted: false }] });
  await cell.clock.advance(3_000);
  await process.tier();
  expect(await proof()).toMatchObject({ status: 'erased', rewritten: [{ was, isDeleted: true }] });
  expect([...cell.store.objects().keys()]).toContain(told.rewritten[0]?.is);
});

describe('whatever call of an erasure fails', () => {
  const kinds: readonly FaultKind[] = ['before', 'lost-request', 'lost-reply', 'late', 'twice'];
  test.each(kinds)(
    '%s: what is kept is read, and what is not is gone in the end',
    async (kind) => {
      const runs = await withEveryFault(async (faultAt) => {
        const kept = new KeptSessions();
        const { cell } = kept;
        const process = await cell.start();
        for (let session = 0; session < 4; session += 1) await kept.append(process, session, 4);
        await process.publish();
        await process.tier();
        for (let session = 0; session < 4; session += 1) await kept.append(process, session, 2);
        await process.publish();
        await process.tier();
        await kept.trim(process, 0, 0.7);
        await kept.redact(process, 2, 0.5);
        await process.publish();
        await process.tier();
        await cell.clock.advance(11_000);
        const { faults, hasFaulted } = faultAtCall(faultAt, kind);
        cell.store.setFaults(faults);
        await process.tier().catch((cause: unknown) => {
          if (!isProblem(cause)) expect(cause).toHaveProperty('effect');
        });
        cell.store.setFaults();
        expect(await kept.found(await cell.start())).toEqual(kept.expected);
        for (let round = 0; round < 3; round += 1) {
          await cell.clock.advance(11_000);
          await process.tier();
        }
        const stored = kept.stored();
        for (const word of kept.words().gone) expect(stored).not.toContain(word);
        for (const word of kept.words().there) expect(stored).toContain(word);
        expect(await kept.found(await cell.start())).toEqual(kept.expected);
        return hasFaulted() ? 'faulted' : 'clean';
      }, 80);
      expect(runs).toBeGreaterThan(6);
    },
    60_000,
  );
});
