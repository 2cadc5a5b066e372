// Sessions as the server tells them. What is not named here is told all the same.

export type SessionStatus = 'idle' | 'running' | 'rescheduling' | 'terminated';
export type SessionState = 'open' | 'active' | 'paused' | 'resumed' | 'closed' | 'archived';

export interface SessionObject {
  readonly id: string;
  readonly type: 'session';
  readonly status: SessionStatus;
  readonly title: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly created_at: string;
  readonly updated_at: string;
  readonly archived_at: string | null;
  readonly lifecycle: { readonly state: SessionState; readonly possible: readonly string[] };
  readonly event_count: number;
  readonly event_bytes: number;
  readonly fact_count: number;
  readonly pending_event_ids: readonly string[];
  readonly [field: string]: unknown;
}

export interface SessionChange {
  readonly title?: string | null;
  /** Null takes a key away. */
  readonly metadata?: Readonly<Record<string, string | null>>;
  readonly limits?: Readonly<Partial<Record<'events' | 'bytes' | 'tokens' | 'turns', number>>>;
  readonly scratch?: unknown;
  readonly [field: string]: unknown;
}

export interface NewSession extends SessionChange {
  readonly agent?: unknown;
  readonly environment_id?: string;
  readonly initial_events?: readonly unknown[];
  readonly ttl_seconds?: number;
}

export interface SessionToken {
  readonly id: string;
  readonly token: string;
  readonly scopes: readonly string[];
  readonly expires_at: string;
}
