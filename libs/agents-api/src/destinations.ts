// Where a session's events are delivered to, in the words of `/v3`.

import { limits, timestampText } from '@tidemark/protocol';
import {
  type DeliveryEntry,
  type Destination,
  type DestinationState,
  isWaiting,
} from '@tidemark/session';
import { type Fields, listField, malformed, requiredText, textField } from '@tidemark/sessions-api';
import { isWithinLevel, type Level, matchesType, parseLevel } from './levels.ts';
import type { ToldEvent } from './run-events.ts';

/** A replaced secret signs beside its successor for so long. */
const rotationMs = 24 * 3_600_000;
const secretCharsMax = 512;

export const destinationPurpose = (tenant: string, id: string): string =>
  `destination\n${tenant}\n${id}`;

/** Where those of a tenant lie: each event of it has all of them, the last as they are. */
export const sharedDestinations = '$destinations';

export interface SharedDestination extends Destination {
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export function sharedDestinationsIn(stored: Fields | undefined): readonly SharedDestination[] {
  const listed = stored?.['destinations'];
  return Array.isArray(listed) ? (listed as readonly SharedDestination[]) : [];
}

/** How a session names one of its tenant's: what it says is looked up there. */
export const linkTo = ({ id }: SharedDestination): Destination => ({
  id,
  url: '',
  level: 'user',
  includesRaw: false,
  isEnabled: true,
  secrets: [],
  isShared: true,
});

export interface DestinationRequest {
  readonly fields: Fields;
  /** Throws where nothing may be sent there. */
  readonly check: (url: string) => void;
  readonly seal: (secret: string) => string;
  readonly nowMs: number;
}

const flagIn = (fields: Fields, name: string): boolean | undefined => {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  throw malformed(`${name} is true or false`);
};

/** As it is to be: a new one, or what is known with what the request says of it. */
export function destinationFrom(
  id: string,
  known: Destination | undefined,
  { fields, check, seal, nowMs }: DestinationRequest,
): Destination {
  const url =
    known === undefined || fields['url'] !== undefined
      ? requiredText(fields, 'url', limits.destinationUrlCharsMax)
      : known.url;
  check(url);
  const secret = textField(fields, 'secret', secretCharsMax);
  const before = (known?.secrets ?? []).filter(({ endsAtMs }) => endsAtMs === undefined);
  const replaced = before.map(({ sealed }) => ({ sealed, endsAtMs: nowMs + rotationMs }));
  const types = 'types' in fields ? typesIn(fields) : known?.types;
  return {
    id,
    url,
    level: parseLevel(fields['level'], (known?.level as Level | undefined) ?? 'user'),
    ...(types === undefined ? {} : { types }),
    includesRaw: flagIn(fields, 'include_raw') ?? known?.includesRaw ?? false,
    isEnabled: flagIn(fields, 'enabled') ?? known?.isEnabled ?? true,
    secrets:
      secret === undefined || secret === ''
        ? (known?.secrets ?? [])
        : [{ sealed: seal(secret) }, ...replaced].slice(0, 2),
  };
}

/** Undefined is all of them. */
function typesIn(fields: Fields): readonly string[] | undefined {
  const given = listField(fields, 'types', limits.destinationTypesMax);
  const isFit = given.every(
    (type) => typeof type === 'string' && /^[\x21-\x7e]{1,128}$/.test(type),
  );
  if (!isFit) throw malformed('types are types of events, or prefix.*');
  return given.length === 0 ? undefined : given.map(String);
}

const toldOf = (
  destination: Destination & Pick<DestinationState, 'createdAtMs' | 'updatedAtMs'>,
): Fields => ({
  id: destination.id,
  kind: 'webhook',
  url: destination.url,
  level: destination.level,
  types: destination.types ?? null,
  include_raw: destination.includesRaw,
  enabled: destination.isEnabled,
  has_secret: destination.secrets.length > 0,
  created_at: timestampText(destination.createdAtMs),
  updated_at: timestampText(destination.updatedAtMs),
});

export const destinationObject = (session: string, destination: DestinationState): Fields => ({
  ...toldOf(destination),
  session,
  created_after_seq: destination.afterSeq,
  pending: destination.entries.filter(isWaiting).length,
  dead: destination.entries.filter(({ status }) => status === 'dead').length,
});

export const sharedObject = (destination: SharedDestination): Fields => toldOf(destination);

/** A delivery is one event to one destination. */
export const deliveryId = (destination: string, seq: number): string => `dlv_${destination}_${seq}`;

export function deliveryNamed(
  id: string,
): { readonly destination: string; readonly seq: number } | undefined {
  const [, destination, seq] = /^dlv_(.+)_(\d{1,15})$/.exec(id) ?? [];
  return destination === undefined ? undefined : { destination, seq: Number(seq) };
}

const statusOf = ({ status, attempts }: DeliveryEntry): string => {
  if (status === 'dead') return 'dead_letter';
  if (status === 'delivered') return 'delivered';
  return attempts === 0 ? 'pending' : 'failed';
};

export const deliveryObject = (
  session: string,
  destination: DestinationState,
  entry: DeliveryEntry,
): Fields => ({
  id: deliveryId(destination.id, entry.seq),
  session,
  destination: destination.id,
  event_id: entry.eventId,
  event_seq: entry.seq + 1,
  status: statusOf(entry),
  attempts: entry.attempts,
  ...(entry.attempts === 0 ? {} : { last_attempt_at: timestampText(entry.changedAtMs) }),
  ...(entry.code === undefined ? {} : { response_code: entry.code }),
  ...(entry.error === undefined ? {} : { error: entry.error }),
  ...(entry.nextAtMs === undefined ? {} : { next_attempt_at: timestampText(entry.nextAtMs) }),
  created_at: timestampText(entry.createdAtMs),
  updated_at: timestampText(entry.changedAtMs),
});

type Filter = Pick<Destination, 'level' | 'types'>;

/** Whether a destination wants an event, by its level and its list of types. */
export const wants = ({ level, types }: Filter, event: ToldEvent): boolean =>
  isWithinLevel(event.level, level as Level) &&
  (types === undefined || types.some((pattern) => matchesType(pattern, event.type)));
