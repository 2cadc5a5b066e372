import type { SessionRecord } from './record.ts';

export interface SubscriptionState {
  readonly generation: number;
}

/** Undefined where the fact cannot be said of this state: the record is then void. */
export function evolveSubscription(
  _state: SubscriptionState | undefined,
  _facts: Readonly<Record<string, unknown>>,
  _record: SessionRecord,
): { readonly state: SubscriptionState | undefined } | undefined {
  return undefined;
}
