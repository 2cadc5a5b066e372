// Settings are read once, at start, from an environment that main.ts hands over. Every mistake is
// reported at once, unknown names under the prefix included.

/** A value that no log, JSON or inspection shows. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

export interface Setting<T> {
  readonly env: string;
  readonly purpose: string;
  /** As the README's table shows it. */
  readonly shape: string;
  readonly fallback: T | undefined;
  /** The value, or the reason why the text is none. */
  readonly parse: (text: string) => { readonly value: T } | { readonly mistake: string };
}

interface Named<T> {
  readonly env: string;
  readonly purpose: string;
  readonly fallback?: T;
}

const parsed = <T>(value: T): { readonly value: T } => ({ value });
const mistaken = (mistake: string): { readonly mistake: string } => ({ mistake });

export function integer(
  setting: Named<number> & { readonly min: number; readonly max: number },
): Setting<number> {
  const { env, purpose, fallback, min, max } = setting;
  return {
    env,
    purpose,
    fallback,
    shape: `${min} to ${max}`,
    parse: (text) => {
      const value = Number(text);
      const fits = /^\d+$/.test(text) && value >= min && value <= max;
      return fits ? parsed(value) : mistaken(`must be an integer from ${min} to ${max}`);
    },
  };
}

export function choice<const T extends string>(
  setting: Named<NoInfer<T>> & { readonly among: readonly T[] },
): Setting<T> {
  const { env, purpose, fallback, among } = setting;
  return {
    env,
    purpose,
    fallback,
    shape: among.join(' or '),
    parse: (text) => {
      const value = among.find((candidate) => candidate === text);
      return value === undefined ? mistaken(`must be one of ${among.join(', ')}`) : parsed(value);
    },
  };
}

export function text(setting: Named<string>): Setting<string> {
  const { env, purpose, fallback } = setting;
  return {
    env,
    purpose,
    fallback,
    shape: 'text',
    parse: (value) => (value === '' ? mistaken('must not be empty') : parsed(value)),
  };
}

/** A comma-separated list, none of it empty. */
export function list(setting: Named<readonly string[]>): Setting<readonly string[]> {
  const { env, purpose, fallback } = setting;
  return {
    env,
    purpose,
    fallback,
    shape: 'comma-separated',
    parse: (value) => {
      const items = value.split(',').map((item) => item.trim());
      return items.includes('') ? mistaken('has an empty entry') : parsed(items);
    },
  };
}

export function secret(setting: Named<Secret>): Setting<Secret> {
  const { env, purpose, fallback } = setting;
  return {
    env,
    purpose,
    fallback,
    shape: 'secret',
    parse: (value) => (value === '' ? mistaken('must not be empty') : parsed(new Secret(value))),
  };
}

/** May be left out: the value is then undefined. */
export function optional<T>(setting: Setting<T>): Setting<T | undefined> & { optional: true } {
  return { ...setting, optional: true };
}

export class SettingsMistakes extends Error {
  override readonly name = 'SettingsMistakes';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`settings are wrong:\n${mistakes.map((mistake) => `  ${mistake}`).join('\n')}`);
    this.mistakes = mistakes;
  }
}

export type SettingsOf<D> = {
  readonly [K in keyof D]: D[K] extends Setting<infer T> ? T : never;
};

export function readSettings<D extends Record<string, Setting<unknown>>>(
  declarations: D,
  prefix: string,
  env: Readonly<Record<string, string | undefined>>,
): SettingsOf<D> {
  const mistakes: string[] = [];
  const known = new Set(Object.values(declarations).map((declaration) => declaration.env));
  for (const name of Object.keys(env)) {
    if (name.startsWith(prefix) && !known.has(name)) mistakes.push(`${name} is not a setting`);
  }
  const values = Object.entries(declarations).map(([name, declaration]) => {
    const given = env[declaration.env];
    if (given === undefined) {
      if (declaration.fallback === undefined && !('optional' in declaration)) {
        mistakes.push(`${declaration.env} is missing: ${declaration.purpose}`);
      }
      return [name, declaration.fallback] as const;
    }
    const outcome = declaration.parse(given);
    if ('mistake' in outcome) mistakes.push(`${declaration.env} ${outcome.mistake}`);
    return [name, 'value' in outcome ? outcome.value : undefined] as const;
  });
  if (mistakes.length > 0) throw new SettingsMistakes(mistakes);
  return Object.fromEntries(values) as SettingsOf<D>;
}
