import type { SeededPrng } from '@tidemark/ports/testing';
import type { LiveSubscription, SubscriptionState } from '@tidemark/session';

const nobody = { generation: 1_000_000, wakeId: 'nobody' };
const by = 'nobody';
const worker = 'nobody';

/** Whatever the state is, these are no facts of a subscription. */
const always: readonly object[] = [
  {},
  { type: 5 },
  { type: 'nobody' },
  { type: 'created', config: { kind: 'nobody' }, configHash: '', links: [], by },
  { type: 'linked', links: '' },
  { type: 'linked', links: [{ path: 'j0', isExplicit: 1, incarnation: '', position: 0 }] },
  { type: 'woken', ...nobody, by, streams: [{ path: 'j0', incarnation: 'i', acked: -1, tail: 1 }] },
  { type: 'acked', generation: '1', wakeId: 'nobody', acks: [], done: false },
];

/** Facts that this state does not allow. */
function forbidden(state: SubscriptionState | undefined): readonly object[] {
  const ofNobody: readonly object[] = [
    { type: 'acked', ...nobody, acks: [], done: true },
    { type: 'claimed', ...nobody, by, streams: [], worker },
    { type: 'delivery-failed', ...nobody, attempt: 1, nextAttemptAtMs: 0 },
    { type: 'lease-expired', ...nobody, by, lease: '' },
    { type: 'released', ...nobody },
    { type: 'retried', ...nobody, attempt: 2, by },
    { type: 'unlinked', path: 'nobody' },
    { type: 'woken', ...nobody, by, streams: [] },
  ];
  if (state?.kind !== 'live') return [...ofNobody, { type: 'deleted' }];
  return [...ofNobody, ...forbiddenOf(state)];
}

/** Each speaks of the wake that there is, or of the one that would be next. */
function forbiddenOf(state: LiveSubscription): readonly object[] {
  const { config, configHash, wake } = state;
  const generation = state.generation + 1;
  const next = { generation, wakeId: 'nobody', by };
  const settled = { path: 'j0', incarnation: 'nobody', acked: 0, tail: 0 };
  const { generation: current = 0, wakeId = '', attempt = 0 } = wake ?? {};
  const name = { generation: current, wakeId };
  const beyond = { path: 'j0', incarnation: 'nobody', position: 1, tail: 0 };
  const unknown = { path: 'nobody', incarnation: 'nobody', position: 0, tail: 0 };
  return [
    { type: 'created', config, configHash, links: [], by },
    { type: 'woken', ...next, streams: [] },
    { type: 'woken', ...next, streams: [settled] },
    { type: 'woken', ...next, wakeId: '', streams: [settled] },
    { type: 'claimed', ...next, streams: [settled], worker },
    { type: 'claimed', ...name, by, streams: [settled], worker },
    { type: 'acked', ...name, acks: [beyond], done: true },
    { type: 'acked', ...name, acks: [unknown], done: true },
    { type: 'lease-expired', ...name, by, lease: 'nobody' },
    { type: 'retried', ...name, attempt: attempt + 5, by },
    { type: 'delivery-failed', ...name, attempt: attempt + 5, nextAttemptAtMs: 0 },
    ...(config.kind === 'webhook' ? [{ type: 'released', ...name }] : []),
  ];
}

/** A fact that is void in its place. */
export function subscriptionNonsense(
  prng: SeededPrng,
  state: SubscriptionState | undefined,
): string {
  const facts = prng.chance(0.2) ? always : forbidden(state);
  return JSON.stringify(facts[prng.below(facts.length)]);
}
