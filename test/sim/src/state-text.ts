import type { SessionState } from '@tidemark/session';

/** A state as text that two replicas can be compared by. Never asked for and never been is one. */
export function describeState(state: SessionState | undefined): string {
  if (state === undefined || state.rev === 0) return 'nothing';
  return JSON.stringify(state, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    if (value instanceof Map) return [...value];
    if ('entries' in value && typeof value.entries === 'function') {
      return [...(value.entries as () => Iterable<unknown>)()];
    }
    // A state that was published and loaded has its fields in another order.
    return Object.fromEntries(
      Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)),
    );
  });
}
