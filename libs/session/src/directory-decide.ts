// What an operator asks of the directory, decided on the state of one of its sessions: a fact to write,
// or an answer that writes nothing. Each may be decided again, when another record came before.

import { limits } from '@tidemark/protocol';
import type { FactDecision } from './commands.ts';
import type {
  ApiKey,
  DirectoryFact,
  Materialized,
  Quotas,
  TenantConfig,
  TenantEntry,
} from './directory.ts';
import type { RetentionPolicy } from './keeping.ts';
import { isSameBucket, type TenantBucket } from './tenant-bucket.ts';

export type DirectoryAnswer =
  | { readonly kind: 'done' }
  | { readonly kind: 'begun'; readonly logEpoch: string; readonly level: number }
  | {
      readonly kind: 'refused';
      readonly code: 'already-there' | 'no-tenant' | 'other-bucket' | 'taken' | 'too-many-keys';
    };

type Outcome = ReturnType<FactDecision>;

const write = (fact: DirectoryFact, answer: DirectoryAnswer = { kind: 'done' }): Outcome => ({
  kind: 'fact',
  fact,
  answer,
});
const say = (answer: DirectoryAnswer): Outcome => ({ kind: 'answer', answer });
const done = say({ kind: 'done' });

/** The topic's log epoch and first level: those that were written first, whoever asks. */
export const decideBeginTopic =
  (logEpoch: string): FactDecision =>
  ({ entry }, { level }) => {
    if (entry?.kind === 'topic') {
      return say({ kind: 'begun', logEpoch: entry.logEpoch, level: entry.level });
    }
    return write({ type: 'begun', logEpoch, level }, { kind: 'begun', logEpoch, level });
  };

export const decideCreateTenant =
  (config: TenantConfig): FactDecision =>
  ({ entry }) =>
    entry === undefined
      ? write({ type: 'created', ...config })
      : say({ kind: 'refused', code: 'already-there' });

export const decideClaimKey =
  (tenant: string): FactDecision =>
  ({ entry }) => {
    const owner = entry?.kind === 'key' ? entry.tenant : undefined;
    if (owner === undefined) return write({ type: 'claimed', tenant });
    return owner === tenant ? done : say({ kind: 'refused', code: 'taken' });
  };

export const decideReleaseKey =
  (tenant: string): FactDecision =>
  ({ entry }) =>
    entry?.kind === 'key' && entry.tenant === tenant ? write({ type: 'released', tenant }) : done;

const onTenant =
  (decide: (entry: TenantEntry) => Outcome): FactDecision =>
  ({ entry }) =>
    entry?.kind === 'tenant' ? decide(entry) : say({ kind: 'refused', code: 'no-tenant' });

/** The key was claimed before. */
export const decideAddKey = (key: ApiKey): FactDecision =>
  onTenant(({ keys }) => {
    if (keys.some(({ hash }) => hash === key.hash)) return done;
    if (keys.length >= limits.tenantKeysMax) return say({ kind: 'refused', code: 'too-many-keys' });
    return write({ type: 'key-added', key });
  });

const onKey = (hash: string, fact: DirectoryFact, isNews: (key: ApiKey) => boolean): FactDecision =>
  onTenant(({ keys }) => {
    const key = keys.find((each) => each.hash === hash);
    return key !== undefined && isNews(key) ? write(fact) : done;
  });

export const decideRevokeKey = (hash: string): FactDecision =>
  onKey(hash, { type: 'key-revoked', hash }, () => true);

/** Another takes its place from then on; a key never ends later than it was said before. */
export const decideEndKey = (hash: string, atMs: number): FactDecision =>
  onKey(
    hash,
    { type: 'key-ends', hash, atMs },
    ({ endsAtMs = Number.POSITIVE_INFINITY }) => atMs < endsAtMs,
  );

/** As often as it is worth a record. */
const usedEveryMs = 3_600_000;

export const isUseNews = (
  { usedAtMs = Number.NEGATIVE_INFINITY }: ApiKey,
  nowMs: number,
): boolean => nowMs - usedAtMs >= usedEveryMs;

export const decideUseKey = (hash: string, atMs: number): FactDecision =>
  onKey(hash, { type: 'key-used', hash, atMs }, (key) => isUseNews(key, atMs));

export const decideConfigure = (quotas: Quotas): FactDecision =>
  onTenant(() => write({ type: 'configured', quotas }));

/** Null: nothing is let go. */
export const decideRetainTenant = (policy: RetentionPolicy | null): FactDecision =>
  onTenant(() => write({ type: 'retained', policy }));

/** Undefined: nothing more is exported. */
export const decideMaterialize = (format: Materialized['format'] | undefined): FactDecision =>
  onTenant(({ materialized: known }) => {
    const isOn = format !== undefined;
    const materialized = { format: format ?? known?.format ?? 'parquet', isOn };
    const isSame =
      known === undefined ? !isOn : known.isOn === isOn && known.format === materialized.format;
    return isSame ? done : write({ type: 'materialized', materialized });
  });

/** Another secret, role or address of the bucket that the tenant has. */
export const decideChangeBucket = (bucket: TenantBucket): FactDecision =>
  onTenant(({ bucket: known }) =>
    known !== undefined && isSameBucket(known, bucket)
      ? write({ type: 'bucket-changed', bucket })
      : say({ kind: 'refused', code: 'other-bucket' }),
  );

export const decideSuspend = (isSuspended: boolean): FactDecision =>
  onTenant((entry) =>
    entry.isSuspended === isSuspended
      ? done
      : write({ type: isSuspended ? 'suspended' : 'resumed' }),
  );

/** The first key of a cell: of all that are minted at once one stands. */
export const decideMintKey =
  (seed: string): FactDecision =>
  ({ entry }) =>
    entry?.kind === 'relay-keys' ? done : write({ type: 'minted', seed });
