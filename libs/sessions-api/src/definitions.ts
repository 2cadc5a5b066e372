// Agents and environments: what sessions are made from. They are kept and told, version by version, and
// nothing here acts on them. Each is a reserved session whose events are its versions, whole.

import { limits, timestampText } from '@tidemark/protocol';
import { type Fields, isFields, listField, malformed, requiredText, textField } from './fields.ts';
import type { IdKind } from './ids.ts';
import { metadataOf, patchMetadata } from './metadata.ts';

export interface DefinitionKind {
  readonly path: string;
  readonly idKind: IdKind;
  readonly type: 'agent' | 'environment';
  /** Members that a request sets, beside name, description and metadata. */
  readonly membersOf: (fields: Fields) => Fields;
}

const descriptionMax = 4_096;
const systemMax = 100_000;
const listMax = 256;

function modelOf(value: unknown): unknown {
  if (typeof value === 'string' && value !== '') return { id: value };
  if (isFields(value) && typeof value['id'] === 'string') return value;
  throw malformed('model is an id, or an object with one');
}

const given = (fields: Fields, name: string, value: () => unknown): Fields =>
  fields[name] === undefined ? {} : { [name]: value() };

const agentMembers = (fields: Fields): Fields => ({
  ...given(fields, 'model', () => modelOf(fields['model'])),
  ...given(fields, 'system', () => textField(fields, 'system', systemMax) ?? null),
  ...given(fields, 'tools', () => listField(fields, 'tools', listMax)),
  ...given(fields, 'mcp_servers', () => listField(fields, 'mcp_servers', listMax)),
  ...given(fields, 'skills', () => listField(fields, 'skills', listMax)),
  ...given(fields, 'multiagent', () => fields['multiagent'] ?? null),
  ...given(fields, 'execution_identity', () => fields['execution_identity'] ?? serviceAccount),
  ...given(fields, 'runtime', () => textField(fields, 'runtime', limits.tokenBytesMax) ?? null),
  ...given(fields, 'limits', () => fields['limits'] ?? {}),
  ...given(
    fields,
    'credential_id',
    () => textField(fields, 'credential_id', limits.tokenBytesMax) ?? null,
  ),
});

const serviceAccount = { type: 'service_account' };

const environmentMembers = (fields: Fields): Fields => ({
  ...given(fields, 'config', () => fields['config'] ?? { type: 'self_hosted' }),
  ...given(fields, 'scope', () => fields['scope'] ?? 'organization'),
});

export const agents: DefinitionKind = {
  path: '/v1/agents',
  idKind: 'agent',
  type: 'agent',
  membersOf: agentMembers,
};

export const environments: DefinitionKind = {
  path: '/v1/environments',
  idKind: 'env',
  type: 'environment',
  membersOf: environmentMembers,
};

/** Where the versions lie: no client has a name of that form. */
export const definitionSession = ({ type }: DefinitionKind, id: string): string => `$${type}/${id}`;
export const definitionPrefix = ({ type }: DefinitionKind): string => `$${type}/`;

const commonMembers = (fields: Fields): Fields => ({
  ...given(fields, 'name', () => requiredText(fields, 'name', limits.metadataValueCharsMax)),
  ...given(fields, 'description', () => textField(fields, 'description', descriptionMax) ?? null),
});

const bounded = (definition: Fields): Fields => {
  const bytes = JSON.stringify(definition).length;
  if (bytes <= limits.profileBytesMax) return definition;
  throw malformed(`a definition has at most ${limits.profileBytesMax} bytes`);
};

/** The first version. */
export function newDefinition(
  kind: DefinitionKind,
  fields: Fields,
  { id, nowMs }: { readonly id: string; readonly nowMs: number },
): Fields {
  requiredText(fields, 'name', limits.metadataValueCharsMax);
  const atText = timestampText(nowMs);
  const defaults =
    kind.type === 'agent'
      ? {
          system: null,
          tools: [],
          mcp_servers: [],
          skills: [],
          multiagent: null,
          execution_identity: serviceAccount,
          model: modelOf(fields['model'] ?? 'unspecified'),
        }
      : { config: { type: 'self_hosted' }, scope: 'organization' };
  return bounded({
    id,
    type: kind.type,
    name: '',
    description: null,
    ...defaults,
    ...commonMembers(fields),
    ...kind.membersOf(fields),
    metadata: metadataOf(fields['metadata'], 'metadata'),
    ...(kind.type === 'agent' ? { version: 1 } : {}),
    created_at: atText,
    updated_at: atText,
    archived_at: null,
  });
}

/** The next version of what is there. */
export function changedDefinition(
  kind: DefinitionKind,
  known: Fields,
  { fields, nowMs }: { readonly fields: Fields; readonly nowMs: number },
): Fields {
  const patch = fields['metadata'];
  const before = (known['metadata'] ?? {}) as Readonly<Record<string, string>>;
  return bounded({
    ...known,
    ...commonMembers(fields),
    ...kind.membersOf(fields),
    metadata:
      patch === undefined || patch === null
        ? before
        : patchMetadata(before, metadataOf(patch, 'metadata', true)),
    ...nextVersion(known),
    updated_at: timestampText(nowMs),
  });
}

const nextVersion = ({ version }: Fields): Fields =>
  typeof version === 'number' ? { version: version + 1 } : {};

export const archivedDefinition = (known: Fields, nowMs: number): Fields => ({
  ...known,
  ...nextVersion(known),
  updated_at: timestampText(nowMs),
  archived_at: timestampText(nowMs),
});
