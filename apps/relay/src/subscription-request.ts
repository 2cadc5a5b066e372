// The bodies of the subscription APIs, parsed and bounded.

import { createHash } from 'node:crypto';
import {
  hasControlBytes,
  isProblem,
  limits,
  parseSessionName,
  type SessionName,
} from '@tidemark/protocol';
import type { SubscriptionConfig, WakeName } from '@tidemark/session';
import { textOf } from '@tidemark/std';
import { Refusal } from './refusal.ts';

type Fields = Readonly<Record<string, unknown>>;

const descriptionBytesMax = 4_096;
const patternSegmentsMax = 64;

const invalid = (message: string, cause?: unknown): Refusal =>
  new Refusal('INVALID_REQUEST', message, { cause });

export function parseFields(body: Uint8Array): Fields {
  let parsed: unknown;
  try {
    parsed = body.length === 0 ? {} : JSON.parse(textOf(body));
  } catch (cause) {
    throw invalid('the body is not JSON', cause);
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
    return parsed as Fields;
  }
  throw invalid('the body is a JSON object');
}

export function parseSubscriptionId(text: string): string {
  const isFit = text !== '' && text.length <= limits.tokenBytesMax && !hasControlBytes(text);
  if (isFit && text.isWellFormed()) return text;
  throw invalid(`a subscription id has 1 to ${limits.tokenBytesMax} printable characters`);
}

/** A stream path as bodies have it: relative to the root of streams, and not percent-encoded. */
function parsePath(value: unknown, field: string): SessionName {
  if (typeof value !== 'string') throw invalid(`${field} is a stream path`);
  try {
    return parseSessionName(value.replace(/^\/+|\/+$/g, ''));
  } catch (cause) {
    if (!isProblem(cause)) throw cause;
    throw invalid(`${field}: ${cause.message}`, cause);
  }
}

function parsePaths(value: unknown): readonly SessionName[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid('streams is an array of stream paths');
  if (value.length > limits.subscriptionStreamsMax) {
    throw invalid(`streams has at most ${limits.subscriptionStreamsMax} paths`);
  }
  return [...new Set(value.map((path) => parsePath(path, 'streams')))].sort();
}

export function parseStreams(fields: Fields): readonly SessionName[] {
  const paths = parsePaths(fields['streams']);
  if (paths.length > 0) return paths;
  throw invalid('streams names at least one stream');
}

function parsePattern(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const pattern: string = parsePath(value, 'pattern');
  const segments = pattern.split('/');
  const isMixed = segments.some((segment) => segment.includes('*') && !/^\*\*?$/.test(segment));
  if (isMixed) throw invalid('in a pattern, * and ** stand for whole segments');
  if (segments.length > patternSegmentsMax) {
    throw invalid(`a pattern has at most ${patternSegmentsMax} segments`);
  }
  return pattern;
}

function parseLeaseMs(value: unknown): number {
  if (value === undefined || value === null) return limits.leaseMsDefault;
  const isFit = Number.isSafeInteger(value) && Number(value) >= limits.leaseMsMin;
  if (isFit && Number(value) <= limits.leaseMsMax) return Number(value);
  throw invalid(`lease_ttl_ms is ${limits.leaseMsMin} to ${limits.leaseMsMax}`);
}

function parseDescription(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value.length <= descriptionBytesMax) return value;
  throw invalid(`description is text of at most ${descriptionBytesMax} characters`);
}

function parseWebhookUrl(value: unknown): string {
  const url = typeof value === 'object' && value !== null ? (value as Fields)['url'] : undefined;
  if (typeof url === 'string' && url !== '') return url;
  throw invalid('a webhook subscription has a webhook.url');
}

export interface SubscriptionRequest {
  readonly config: SubscriptionConfig;
  readonly configHash: string;
  readonly streams: readonly SessionName[];
}

/** `baseUrl` is where the server was reached: callbacks go there. */
export function parseSubscription(fields: Fields, baseUrl: string): SubscriptionRequest {
  const { type: kind } = fields;
  if (kind !== 'webhook' && kind !== 'pull-wake') throw invalid('type is webhook or pull-wake');
  const streams = parsePaths(fields['streams']);
  const pattern = parsePattern(fields['pattern']);
  if (pattern === undefined && streams.length === 0) {
    throw invalid('a subscription has a pattern, or streams, or both');
  }
  const wakeStream =
    kind === 'pull-wake' ? parsePath(fields['wake_stream'], 'wake_stream') : undefined;
  if (wakeStream !== undefined && streams.includes(wakeStream)) {
    throw invalid('a subscription does not follow its own wake stream');
  }
  const config = {
    kind,
    pattern,
    webhookUrl: kind === 'webhook' ? parseWebhookUrl(fields['webhook']) : undefined,
    wakeStream,
    leaseMs: parseLeaseMs(fields['lease_ttl_ms']),
    description: parseDescription(fields['description']),
    baseUrl,
  } as const;
  const { baseUrl: _, ...hashed } = config;
  const normalized = JSON.stringify([Object.entries(hashed), streams]);
  const configHash = createHash('sha256').update(normalized).digest('base64url');
  return { config, configHash, streams };
}

export interface WakeRequest extends WakeName {
  readonly acks: readonly { readonly path: SessionName; readonly offset: string }[];
  readonly done: boolean;
}

const acksMax = limits.subscriptionStreamsMax;

/** The body of a callback, an ack or a release. */
export function parseWakeRequest(fields: Fields): WakeRequest {
  const { wake_id: wakeId, generation, acks = [], done = false } = fields;
  if (typeof wakeId !== 'string') throw invalid('wake_id is text');
  if (!Number.isSafeInteger(generation)) throw invalid('generation is an integer');
  if (typeof done !== 'boolean') throw invalid('done is true or false');
  if (!Array.isArray(acks) || acks.length > acksMax) {
    throw invalid(`acks is an array of at most ${acksMax}`);
  }
  return { wakeId, generation: Number(generation), acks: acks.map(parseAck), done };
}

function parseAck(value: unknown): WakeRequest['acks'][number] {
  const fields = typeof value === 'object' && value !== null ? (value as Fields) : {};
  const { offset } = fields;
  if (typeof offset !== 'string') throw invalid('an ack has an offset');
  return { path: parsePath(fields['stream'] ?? fields['path'], 'acks.stream'), offset };
}

export function parseWorker(fields: Fields): string {
  const { worker } = fields;
  const isText = typeof worker === 'string' && worker !== '' && !hasControlBytes(worker);
  if (isText && worker.length <= limits.tokenBytesMax) return worker;
  throw invalid(`worker has 1 to ${limits.tokenBytesMax} printable characters`);
}
