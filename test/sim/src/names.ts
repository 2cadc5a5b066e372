import { defaultTenant, type SessionName, type TenantId } from '@tidemark/protocol';
import { pooledTenant } from './incarnation.ts';
import type { Plan } from './plan.ts';

export interface Named {
  readonly tenant: TenantId;
  readonly name: SessionName;
  /** As the history has it. */
  readonly full: string;
  readonly isJson: boolean;
  readonly lifetime: 'none' | 'ttl' | 'fixed';
  /** Forks only come from names of a lower tier: 0 is created plain. */
  readonly tier: number;
}

export const named = (
  tenant: TenantId,
  name: string,
  more: Partial<Pick<Named, 'isJson' | 'lifetime' | 'tier'>> = {},
): Named => ({
  tenant,
  name: name as SessionName,
  full: `${tenant}/${name}`,
  isJson: true,
  lifetime: 'none',
  tier: 0,
  ...more,
});

/** Sessions that only those touch who take events from them. */
export const keptNames: readonly Named[] = [
  named(defaultTenant, 'kept'),
  named(pooledTenant, 'kept'),
];

/** The sessions that a run is about. */
export function namesOf({ names, isExpiring, isForking }: Plan): Named[] {
  const own = defaultTenant;
  const plain = [
    named(own, 'j0'),
    named(own, 'b0', { isJson: false }),
    named(pooledTenant, 'j0'),
    named(own, 'j1'),
    named(pooledTenant, 'b0', { isJson: false }),
    named(own, 'ünï/c'),
    named(own, 'j2'),
  ].slice(0, names);
  const mortal = [
    named(own, 't0', { lifetime: 'ttl' }),
    named(own, 'x0', { lifetime: 'fixed' }),
    named(pooledTenant, 't0', { lifetime: 'ttl', isJson: false }),
  ];
  const forks = [
    named(own, 'f0', { tier: 1 }),
    named(own, 'g0', { tier: 2 }),
    named(own, 'f1', { tier: 1 }),
    named(own, 'h0', { tier: 3 }),
    named(pooledTenant, 'f0', { tier: 1 }),
  ];
  return [
    ...plain,
    ...(isExpiring ? mortal : []),
    ...(isForking ? forks.slice(0, 2 + (names % 4)) : []),
  ];
}
