// Agents in the words of `/v3`. They are the agents of `/v1/agents`, whose versions are revisions here.

import { createHash } from 'node:crypto';
import {
  agents,
  changedDefinition,
  countField,
  type Fields,
  isFields,
  malformed,
  newDefinition,
  requiredText,
  textField,
} from '@tidemark/sessions-api';

const nameMax = 512;
const promptMax = 100_000;

/** What a request says of an agent, as a definition has it. */
function definitionFields(fields: Fields): Fields {
  const { model, limits, prompt, credential } = fields;
  return {
    ...(fields['name'] === undefined ? {} : { name: requiredText(fields, 'name', nameMax) }),
    ...(prompt === undefined ? {} : { system: textField(fields, 'prompt', promptMax) ?? null }),
    ...(model === undefined ? {} : { model: requiredText(fields, 'model', nameMax) }),
    ...(fields['runtime'] === undefined
      ? {}
      : { runtime: requiredText(fields, 'runtime', nameMax) }),
    ...(limits === undefined ? {} : { limits: turnLimitsOf(limits) }),
    ...(credential === undefined
      ? {}
      : { credential_id: textField(fields, 'credential', nameMax) ?? null }),
    ...(fields['tools'] === undefined ? {} : { tools: fields['tools'] }),
  };
}

export function newAgent(
  fields: Fields,
  at: { readonly id: string; readonly nowMs: number },
): Fields {
  requiredText(fields, 'name', nameMax);
  return newDefinition(agents, { runtime: 'claude', ...definitionFields(fields) }, at);
}

/** Undefined where it says what is there already. */
export function changedAgent(known: Fields, fields: Fields, nowMs: number): Fields | undefined {
  const { runtime } = fields;
  if (runtime !== undefined && runtime !== (known['runtime'] ?? 'claude')) {
    throw malformed('the runtime of an agent stays');
  }
  const next = changedDefinition(agents, known, { fields: definitionFields(fields), nowMs });
  const isSame = (name: string): boolean =>
    JSON.stringify(next[name]) === JSON.stringify(known[name]);
  const changed = Object.keys(next).filter((name) => name !== 'version' && name !== 'updated_at');
  return changed.every(isSame) ? undefined : next;
}

export function turnLimitsOf(value: unknown): Fields {
  if (value === undefined || value === null) return {};
  if (!isFields(value)) throw malformed('limits is an object');
  const named = ['tokens', 'turn_seconds', 'turns'].map(
    (name) => [name, countField(value, name)] as const,
  );
  return Object.fromEntries(named.filter(([, count]) => count !== undefined));
}

/** Of what an agent is told. */
export const promptHashOf = ({ system }: Fields): string =>
  createHash('sha256')
    .update(typeof system === 'string' ? system : '')
    .digest('hex');

export function agentObject(definition: Fields): Fields {
  const promptHash = promptHashOf(definition);
  const { id, name, model, version, system } = definition;
  return {
    id,
    name,
    runtime: definition['runtime'] ?? 'claude',
    model: isFields(model) ? model['id'] : model,
    prompt: system ?? '',
    prompt_hash: promptHash,
    revision: version,
    active_revision: { id: `rev_${String(version)}`, number: version, digest: promptHash },
    credential_id: definition['credential_id'] ?? null,
    limits: definition['limits'] ?? {},
    tools: definition['tools'] ?? [],
    created_at: definition['created_at'],
    updated_at: definition['updated_at'],
    archived_at: definition['archived_at'] ?? null,
  };
}
