/** `steer`: to say something to an agent, and to answer it. `admin`: keys and tokens of one's own tenant. */
export const scopes = ['read', 'append', 'steer', 'admin'] as const;

export type Scope = (typeof scopes)[number];

export const isScope = (value: unknown): value is Scope => scopes.includes(value as Scope);

/** What a client token may have: never more than its session is about. */
export const clientScopes: readonly Scope[] = ['read', 'append', 'steer'];
