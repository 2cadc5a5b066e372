import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Branches, branchesBehind, goesBack, noBranches } from './claude-branches.ts';

const said = (uuid: string, parent: string | null): Parameters<typeof goesBack>[1] => ({
  uuid,
  parent,
  kind: 'said',
});
const prompt = (uuid: string, parent: string | null | undefined) =>
  ({ uuid, parent, kind: 'prompt' }) as const;

const behind = (...records: readonly Parameters<typeof branchesBehind>[1][]): Branches =>
  records.reduce(branchesBehind, noBranches);

test('a person goes back where the parent is older than what was said last', () => {
  const known = behind(prompt('a', null), said('b', 'a'), {
    uuid: 'n',
    parent: 'b',
    kind: 'other',
  });
  for (const parent of ['b', 'n']) expect(goesBack(known, prompt('c', parent))).toBe(false);
  for (const parent of ['a', 'never heard of', null]) {
    expect(goesBack(known, prompt('c', parent))).toBe(true);
  }
  expect(goesBack(known, prompt('c', undefined))).toBe(false);
  expect(goesBack(known, said('c', 'a'))).toBe(false);
});

test('nothing is gone back to before anything was said, nor by a record that comes again', () => {
  expect(goesBack(noBranches, prompt('a', null))).toBe(false);
  const known = behind(prompt('a', null), said('b', 'a'), prompt('c', 'b'));
  expect(goesBack(known, prompt('a', null))).toBe(false);
  expect(goesBack(known, prompt('d', null))).toBe(true);
});

test('what is remembered has an end, behind which nothing is judged until something is said', () => {
  const notes = (count: number): Parameters<typeof branchesBehind>[1][] =>
    Array.from({ length: count }, (_, n) => ({ uuid: `n${n}`, parent: 'a', kind: 'other' }));
  const first = prompt('a', null);
  expect(goesBack(behind(first, ...notes(255)), prompt('z', 'older'))).toBe(true);
  const beyond = behind(first, ...notes(256));
  expect(beyond.late).toBeNull();
  expect(goesBack(beyond, prompt('z', 'older'))).toBe(false);
  expect(goesBack(branchesBehind(beyond, said('s', 'a')), prompt('z', 'older'))).toBe(true);
  const prompts = Array.from({ length: 1_100 }, (_, n) => prompt(`p${n}`, `p${n - 1}`));
  expect(behind(...prompts).prompts).toHaveLength(1_024);
});

test('however a transcript grows, going on is told apart from going back', () => {
  const step = fc.record({
    kind: fc.constantFrom('prompt', 'said', 'other', 'back', 'again'),
    pick: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let branches = branchesBehind(noBranches, prompt('r0', null));
      let late = ['r0'];
      const old: string[] = [];
      const prompts = ['r0'];
      for (const [index, { kind, pick }] of steps.entries()) {
        const isAgain = kind === 'again';
        const uuid = isAgain ? (prompts[pick % prompts.length] ?? 'r0') : `r${index + 1}`;
        const older = old.filter((each) => !late.includes(each));
        const isBack = kind === 'back' && older.length > 0;
        const from = isBack ? older : late;
        const parent = from[pick % from.length] ?? null;
        const isPrompt = kind !== 'said' && kind !== 'other';
        const record = { uuid, parent, kind: isPrompt ? 'prompt' : kind } as const;
        expect(goesBack(branches, record)).toBe(isBack);
        branches = branchesBehind(branches, record);
        if (kind !== 'other') old.push(...late);
        late = kind === 'other' ? [...late, uuid] : [uuid];
        if (isPrompt) prompts.push(uuid);
      }
      // Another process goes on from it.
      expect(JSON.parse(JSON.stringify(branches))).toEqual(branches);
    }),
  );
});
