// A history, one JSON object a line, as a simulation or real clients record it:
//
//   {"at":1,"kind":"call","op":"1","client":"c1","session":"a","type":"append","events":["1.0"]}
//   {"at":4,"kind":"return","op":"1","outcome":"ok","life":"5f0c","first":0,"end":1}
//
// `at` orders everything in real time, whichever process recorded it: of two entries the smaller
// happened first. A session is named with its tenant. An event is named by the text that its writer
// gave it; no two appends share one, but for retries of the same append. Seqs stand for positions, in
// byte sessions too. `life` tells the incarnations of a name apart (the tag of a cursor does); a
// recorder leaves it out where its client cannot know it.

/** What a client asked for. `ms` is the wall clock of the servers, where time has a meaning. */
export interface Call {
  readonly at: number;
  readonly kind: 'call';
  readonly op: string;
  readonly client: string;
  readonly session: string;
  /** Where the session lies: only what a deposed leader excuses needs it. */
  readonly shard?: string;
  readonly ms?: number;
  readonly type: SessionCall | SubscriptionCall;
  /** Of a create or an append. */
  readonly events?: readonly string[];
  /** Close behind the events; a create that begins closed. */
  readonly close?: boolean;
  readonly ttlMs?: number;
  readonly expiresAtMs?: number;
  /** A fork at a seq of its source, at its tail, or at a position whose seq its client cannot know. */
  readonly fork?: { readonly source: string; readonly seq?: number; readonly isInside?: boolean };
  readonly producer?: { readonly id: string; readonly epoch: number; readonly seq: number };
  readonly streamSeq?: string;
  readonly matchSeq?: number;
  /** A durable fact; put on a version, 0 for one that is not there, or whatever it is. */
  readonly fact?: {
    readonly key: string;
    readonly value?: string;
    readonly version?: number;
    /** Of a look back: as it stood at this event. */
    readonly seq?: number;
  };
  /** What is done to a session's life; attempts of one request share its id. */
  readonly act?: { readonly act: string; readonly request: string };
  /** So many events to a session that may have `limit` of them. */
  readonly spend?: { readonly count: number; readonly limit: number; readonly isSettling: boolean };
  /** Of a session that is kept: what is appended, or which seq is trimmed to or redacted. */
  readonly kept?: { readonly word?: string; readonly seq?: number };
  /** Sent with an identity, so that the server tells a repetition from another append. */
  readonly isRepeatable?: boolean;
  /** What is asked of a subscription, or what it tells its webhook: then the call is the delivery. */
  readonly subscription?: string;
  /** The wake that it speaks of: a worker's token says which. */
  readonly generation?: number;
  readonly acks?: readonly SubscriptionPosition[];
  /** Behind its acks the wake is over. */
  readonly done?: boolean;
  /** Of a subscribe: how long a lease lasts. */
  readonly leaseMs?: number;
  /** Sessions that it minds or begins to, as far as their positions are seqs and time ends none. */
  readonly covers?: readonly string[];
  /** What a link or an unlink names, whether or not it covers it. */
  readonly links?: readonly string[];
  /** A clock of all processes that nobody sets. */
  readonly steadyMs?: number;
}

export type SessionCall =
  | 'create'
  | 'append'
  | 'delete'
  | 'head'
  | 'read'
  | 'follow'
  | 'put-fact'
  | 'get-fact'
  | 'look-back'
  | 'act'
  | 'look'
  | 'spend'
  | 'keep-append'
  | 'keep-trim'
  | 'keep-redact'
  | 'keep-read';

export type SubscriptionCall =
  | 'subscribe'
  | 'unsubscribe'
  | 'link'
  | 'unlink'
  | 'wake'
  | 'claim'
  | 'ack'
  | 'release';

/** How far a subscription has come in one life of a session. */
export interface SubscriptionPosition {
  readonly session: string;
  readonly life?: string;
  readonly seq: number;
  /** How far the session was said to have got. */
  readonly tail?: number;
}

export interface Return {
  readonly at: number;
  readonly kind: 'return';
  readonly op: string;
  /** `refused`: answered, and nothing was changed by this request. */
  readonly outcome: 'ok' | 'refused' | 'unknown';
  readonly code?: string;
  readonly ms?: number;
  readonly life?: string;
  /** Seqs of what was appended, or of what was read. */
  readonly first?: number;
  readonly end?: number;
  /** Where the next event goes, where the answer vouches for it. */
  readonly tail?: number;
  readonly closed?: boolean;
  /** A create that made the session; an append that repeated nothing. */
  readonly isNew?: boolean;
  readonly events?: readonly string[];
  /** The answer vouches that there was no more. */
  readonly upToDate?: boolean;
  /** Of a fact; 0 where there is none. */
  readonly version?: number;
  readonly value?: string;
  /** Of a put: the seq of the event that came next. Of a look back: from where on all are known. */
  readonly factSeq?: number;
  /** How a session's life stood, in its word, behind so many of its records. */
  readonly word?: string;
  readonly rev?: number;
  /** Of an act that wrote: where the next record goes. */
  readonly endRev?: number;
  /** Of a session that is kept: its first seq, and a word for each event, empty where it is redacted. */
  readonly kept?: {
    readonly seq?: number;
    readonly head?: number;
    readonly words?: readonly string[];
  };
  /** A follower that saw nothing new since then. */
  readonly idleFrom?: number;
  /** Of a claim or a wake: the generation, its id, and where each session is taken up. */
  readonly generation?: number;
  readonly wake?: string;
  readonly positions?: readonly SubscriptionPosition[];
  readonly steadyMs?: number;
}

/** What a follower was given. */
export interface Seen {
  readonly at: number;
  readonly kind: 'seen';
  readonly op: string;
  readonly life?: string;
  readonly first: number;
  readonly events: readonly string[];
  readonly closed?: boolean;
}

/** From here on, until `known`, a leader of this shard that was deposed may still answer. */
export interface Deposed {
  readonly at: number;
  readonly kind: 'deposed' | 'known';
  readonly shard: string;
}

/** The wall clock was set back. */
export interface SetBack {
  readonly at: number;
  readonly kind: 'set-back';
  readonly ms: number;
}

/** Everything came to rest: whatever was asked has been answered. */
export interface End {
  readonly at: number;
  readonly kind: 'end';
}

/** Whatever subscriptions had pending at `from` has been handed out since, or never will be. */
export interface Drained {
  readonly at: number;
  readonly kind: 'drained';
  readonly from: number;
}

export type Entry = Call | Return | Seen | Deposed | SetBack | Drained | End;

const kinds: ReadonlySet<string> = new Set<Entry['kind']>([
  'call',
  'return',
  'seen',
  'deposed',
  'known',
  'set-back',
  'drained',
  'end',
]);

export const encodeHistory = (entries: readonly Entry[]): string =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');

/** Throws where a line is no entry. A last line that was cut by a crash is left out. */
export function parseHistory(text: string): Entry[] {
  const lines = text.split('\n');
  lines.pop();
  return lines.map((line, index) => {
    const entry = JSON.parse(line) as Entry;
    if (kinds.has(entry.kind) && Number.isFinite(entry.at)) return entry;
    throw new TypeError(`no entry of a history. line=${index + 1}`);
  });
}
