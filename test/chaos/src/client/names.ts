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

export interface NameOptions {
  readonly tenants: readonly string[];
  readonly sinceMs: number;
  readonly nowMs: number;
}

/** The sessions that are spoken of now. */
export function currentNames({ tenants, sinceMs, nowMs }: NameOptions): Named[] {
  const generation = Math.floor((nowMs - sinceMs) / generationMs);
  return tenants.flatMap((tenant) =>
    kinds.map(({ prefix, ...kind }) => ({
      tenant,
      name: `${prefix}${generation}`,
      isFork: false,
      ...kind,
    })),
  );
}
