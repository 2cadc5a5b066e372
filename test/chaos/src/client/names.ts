/** A session as all clients know it, without having spoken to each other. */
export interface Named {
  readonly tenant: string;
  readonly name: string;
  readonly isJson: boolean;
  readonly isFork: boolean;
  readonly ttlSeconds?: number;
}

export const fullName = ({ tenant, name }: Named): string => `${tenant}/${name}`;

export const pathOf = ({ name }: Named): string => `/v1/stream/${name}`;

/** Whole histories stay readable while names are new from time to time. */
const generationMs = 15_000;

const kinds = [
  { prefix: 'a', isJson: true },
  { prefix: 'b', isJson: true },
  { prefix: 'c', isJson: true },
  { prefix: 'text', isJson: false },
  { prefix: 'brief', isJson: true, ttlSeconds: 3 },
] as const;

const forkPrefix = 'fork-';

export interface NameOptions {
  readonly tenants: readonly string[];
  readonly sinceMs: number;
  readonly nowMs: number;
}

export const generationAt = ({ sinceMs, nowMs }: Omit<NameOptions, 'tenants'>): number =>
  Math.floor((nowMs - sinceMs) / generationMs);

/** The sessions of a tenant in one generation. A pattern takes them all, by their last segment. */
export const namesOf = (tenant: string, generation: number): Named[] =>
  kinds.map(({ prefix, ...kind }) => ({
    tenant,
    name: `${prefix}/${generation}`,
    isFork: false,
    ...kind,
  }));

/** The sessions that are spoken of now. */
export function currentNames({ tenants, ...times }: NameOptions): Named[] {
  const generation = generationAt(times);
  return tenants.flatMap((tenant) => namesOf(tenant, generation));
}

/** Of its source's generation. */
export function forkOf({ tenant, isJson, name: source }: Named, unique: string): Named {
  const name = `${forkPrefix}${unique}${source.slice(source.lastIndexOf('/'))}`;
  return { tenant, isJson, isFork: true, name };
}

/** As a history has it. */
export function namedIn(session: string): Named {
  const tenant = session.slice(0, session.indexOf('/'));
  const name = session.slice(tenant.length + 1);
  return { tenant, name, isJson: !name.startsWith('text'), isFork: name.startsWith(forkPrefix) };
}
