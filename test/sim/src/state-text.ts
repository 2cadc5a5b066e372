import type { SessionState } from '@tidemark/session';

/** A state as text that two replicas can be compared by. Never asked for and never been is one. */
export function describeState(state: SessionState | undefined): string {
  if (state === undefined || state.rev === 0) return 'nothing';
  return JSON.stringify(state, (_, value: unknown) => {
    if (value instanceof Map) return [...value];
    const hasEntries = typeof value === 'object' && value !== null && 'entries' in value;
    if (hasEntries && typeof value.entries === 'function' && !Array.isArray(value)) {
      return [...(value.entries as () => Iterable<unknown>)()];
    }
    return value;
  });
}
