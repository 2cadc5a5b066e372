import { type Shard, shardOf } from '@tidemark/ports';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planAssignment } from './group-plan.ts';

const shardsOf = (count: number): Shard[] =>
  Array.from({ length: count }, (_, index) => shardOf('t', index));

const membersOf = (plan: ReadonlyMap<string, readonly Shard[]>, ids: readonly string[]) =>
  ids.map((id) => ({ id, owned: plan.get(id) ?? [] }));

test('every shard has one member, and shares differ by one at the most', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 9 }),
      fc.nat(40),
      fc.array(fc.tuple(fc.nat(8), fc.nat(60))),
      (ids, count, claims) => {
        const shards = shardsOf(count);
        const members = ids.map((id, index) => ({
          id,
          // Claims of several for one shard, and of shards that are gone.
          owned: claims.filter(([who]) => who === index).map(([, at]) => shardOf('t', at)),
        }));
        const plan = planAssignment(members, shards);
        expect([...plan.values()].flat().toSorted()).toEqual(shards.toSorted());
        const sizes = [...plan.values()].map((share) => share.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test('who stays keeps what it has when one comes or goes', () => {
  const shards = shardsOf(12);
  const three = planAssignment(membersOf(new Map(), ['a', 'b', 'c']), shards);
  const four = planAssignment(membersOf(three, ['a', 'b', 'c', 'd']), shards);
  for (const id of ['a', 'b', 'c']) {
    expect(four.get(id)?.every((shard) => three.get(id)?.includes(shard))).toBe(true);
  }
  const two = planAssignment(membersOf(four, ['a', 'd']), shards);
  for (const id of ['a', 'd']) {
    expect(four.get(id)?.every((shard) => two.get(id)?.includes(shard))).toBe(true);
  }
});

test('more members than shards leaves some with none', () => {
  const plan = planAssignment(membersOf(new Map(), ['a', 'b', 'c']), shardsOf(2));
  expect([...plan.values()].map((share) => share.length)).toEqual([1, 1, 0]);
});
