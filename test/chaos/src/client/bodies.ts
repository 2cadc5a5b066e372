// Events that carry their names: the history speaks of names.

/** Below a kilobyte mostly; a few are large enough to fill more than one packet. */
export function bodyOf(names: readonly string[], isJson: boolean, padding: number): string {
  if (!isJson) return names.map((name) => `${name}\n`).join('');
  const events = names.map((name) => ({ name, padding: '.'.repeat(padding) }));
  return JSON.stringify(events);
}

export function namesIn(body: string, isJson: boolean): string[] {
  if (!isJson) return body.split('\n').filter((line) => line !== '');
  const events = JSON.parse(body) as readonly { readonly name?: unknown }[];
  return events.map(({ name }) => String(name));
}
