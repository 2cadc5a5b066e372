// Which methods a path takes, among all routes that were added.

interface Known {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

export class RouteMethods {
  readonly #known = new Map<string, Known>();

  add(url: string, methods: string | readonly string[]): void {
    const known = this.#known.get(url) ?? { pattern: patternOf(url), methods: new Set() };
    this.#known.set(url, known);
    for (const method of [methods].flat()) known.methods.add(method);
  }

  of(path: string): readonly string[] {
    const fitting = [...this.#known.values()].filter(({ pattern }) => pattern.test(path));
    return [...new Set(fitting.flatMap(({ methods }) => [...methods]))].sort();
  }
}

/** Of a route as it is declared: `:name` is a segment, `*` is the rest. */
function patternOf(url: string): RegExp {
  const literal = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replace(/:\w+/g, '[^/]+').replaceAll('*', '.*')}$`);
}
