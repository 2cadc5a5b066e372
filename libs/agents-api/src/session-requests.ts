// What is asked of a session under `/v3`.

import { limits } from '@tidemark/protocol';
import type { Run, TurnLimits } from '@tidemark/session';
import {
  countField,
  type Fields,
  isFields,
  listField,
  malformed,
  requiredText,
  textField,
} from '@tidemark/sessions-api';
import { bytesOf } from '@tidemark/std';
import { turnLimitsOf } from './agent-objects.ts';
import { type Message, messageOf } from './run-events.ts';

const idCharsMax = 256;
const destinationsMax = 16;
const sourcesMax = 16;

export interface CreateRun {
  readonly agentId: string;
  readonly revision: number | undefined;
  readonly model: string | undefined;
  readonly key: string | undefined;
  readonly input: Message | undefined;
  readonly limits: Fields;
  readonly metadata: Fields | null;
  readonly destinations: readonly Fields[];
}

export function parseCreateRun(fields: Fields): CreateRun {
  const webhook = textField(fields, 'webhook', 2_048);
  const listed = listField(fields, 'destinations', destinationsMax).map((destination, index) => {
    if (isFields(destination)) return destination;
    throw malformed(`destinations[${index}] is an object`);
  });
  const { input } = fields;
  if (listField(fields, 'sources', sourcesMax).length > 0) {
    // Taken and not done would be a turn that works on nothing.
    throw malformed('sources are checked out by no worker of this server: name them in metadata');
  }
  return {
    agentId: requiredText(fields, 'agent', idCharsMax),
    revision: revisionOf(fields['revision']),
    model: textField(fields, 'model', idCharsMax),
    key: textField(fields, 'key', idCharsMax),
    input: input === undefined || input === null ? undefined : messageOf(input),
    limits: turnLimitsOf(fields['limits']),
    metadata: metadataOf(fields['metadata']),
    destinations: [...(webhook === undefined ? [] : [{ url: webhook }]), ...listed],
  };
}

function revisionOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = typeof value === 'string' ? Number(value.replace(/^rev_/, '')) : value;
  if (Number.isSafeInteger(number) && Number(number) > 0) return Number(number);
  throw malformed('revision is a number, or rev_ and a number');
}

function metadataOf(value: unknown): Fields | null {
  if (value === undefined || value === null) return null;
  if (!isFields(value)) throw malformed('metadata is an object');
  if (bytesOf(JSON.stringify(value)).length <= limits.runMetadataBytesMax) return value;
  throw malformed(`metadata has at most ${limits.runMetadataBytesMax} bytes as JSON`);
}

export function runOf(
  asked: CreateRun,
  { agent, requestHash }: { readonly agent: Fields | undefined; readonly requestHash: string },
): Run {
  const own = { ...(agent?.['limits'] as Fields | undefined), ...asked.limits };
  const credentialId = agent?.['credential_id'];
  return {
    limits: limitsOf(own),
    metadata: asked.metadata,
    ...(asked.key === undefined ? {} : { key: asked.key }),
    ...(typeof credentialId === 'string' ? { credentialId } : {}),
    requestHash,
  };
}

function limitsOf(fields: Fields): TurnLimits {
  const [tokens, turnSeconds, turns] = ['tokens', 'turn_seconds', 'turns'].map((name) =>
    countField(fields, name),
  );
  return {
    ...(tokens === undefined ? {} : { tokens }),
    ...(turnSeconds === undefined ? {} : { turnSeconds }),
    ...(turns === undefined ? {} : { turns }),
  };
}

/** Of the metadata, what the other API can tell: texts. */
export function plainMetadata(metadata: Fields | null): Record<string, string> {
  const pairs = Object.entries(metadata ?? {}).filter(
    (pair): pair is [string, string] =>
      typeof pair[1] === 'string' &&
      pair[1].length <= limits.metadataValueCharsMax &&
      pair[0] !== '' &&
      pair[0].length <= limits.metadataKeyCharsMax,
  );
  return Object.fromEntries(pairs.slice(0, limits.metadataPairsMax));
}
