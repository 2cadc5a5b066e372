/** Thrown when we are wrong, never when a caller or a dependency is. Nobody handles it. */
export class BrokenInvariant extends Error {
  override readonly name = 'BrokenInvariant';
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BrokenInvariant(message);
}

/** Closes a switch over a union: a new member fails to compile here. */
export function unreachable(value: never): never {
  throw new BrokenInvariant(`unreachable value. value=${JSON.stringify(value)}`);
}

/** The value of an index that the caller has bounded. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new BrokenInvariant(`missing ${what}`);
  return value;
}
