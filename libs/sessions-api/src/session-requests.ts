// What is asked of a session as a whole: made, changed.

import { limits } from '@tidemark/protocol';
import type { ProfilePatch } from '@tidemark/session';
import { type AgentReference, agentReferenceOf } from './agents.ts';
import {
  countField,
  type Fields,
  fieldsOf,
  isFields,
  listField,
  malformed,
  requiredText,
  textField,
} from './fields.ts';
import { metadataOf } from './metadata.ts';
import { parseListed, type SentEvents } from './sent-events.ts';

const idCharsMax = 256;

export interface CreateSession {
  readonly agent: AgentReference | undefined;
  /** But for the agent, which may have to be looked up. */
  readonly profile: ProfilePatch;
  readonly events: SentEvents | undefined;
  readonly ttlMs: number | undefined;
}

/** `newId` names resources. */
export function parseCreateSession(body: Uint8Array, newId: () => string): CreateSession {
  const fields = fieldsOf(body);
  const initial = listField(fields, 'initial_events', limits.initialEventsMax);
  const ttl = countField(fields, 'ttl_seconds');
  if (ttl !== undefined && (ttl < 1 || ttl > limits.ttlSecondsMax)) {
    throw malformed(`ttl_seconds is 1 to ${limits.ttlSecondsMax}`);
  }
  return {
    agent: agentReferenceOf(fields['agent']),
    profile: {
      title: textField(fields, 'title', limits.titleCharsMax) ?? null,
      ...optionally('environmentId', textField(fields, 'environment_id', idCharsMax)),
      metadata: metadataOf(fields['metadata'], 'metadata'),
      resources: listField(fields, 'resources', limits.resourcesMax).map((resource, index) =>
        resourceOf(resource, `resources[${index}]`, newId),
      ),
      vaultIds: listField(fields, 'vault_ids', limits.resourcesMax).map(String),
      budget: budgetOf(fields['budget']) ?? null,
      limits: limitsOf(fields['limits']),
      ...optionally('scratch', fields['scratch']),
    },
    events: initial.length === 0 ? undefined : parseListed(body, 'initial_events'),
    ttlMs: ttl === undefined ? undefined : ttl * 1_000,
  };
}

const optionally = (name: string, value: unknown): Fields =>
  value === undefined ? {} : { [name]: value };

export interface UpdateSession {
  /** But for `agent`, which stands on what the session has. */
  readonly patch: ProfilePatch;
  readonly agent: Fields | undefined;
}

export function parseUpdateSession(body: Uint8Array): UpdateSession {
  const fields = fieldsOf(body);
  if (listField(fields, 'vault_ids', limits.resourcesMax).length > 0) {
    throw malformed('vault_ids cannot be changed');
  }
  const agent = fields['agent'];
  if (agent !== undefined && agent !== null && !isFields(agent)) {
    throw malformed('agent is an object with tools and mcp_servers');
  }
  const { title, budget, metadata, limits: given, scratch } = fields;
  const patch = {
    ...(title === undefined
      ? {}
      : { title: textField(fields, 'title', limits.titleCharsMax) ?? null }),
    ...(metadata === undefined || metadata === null
      ? {}
      : { metadata: metadataOf(metadata, 'metadata', true) }),
    ...(budget === undefined ? {} : { budget: budgetOf(budget) ?? null }),
    ...(given === undefined ? {} : { limits: limitsOf(given) }),
    ...(scratch === undefined ? {} : { scratch }),
  };
  return { patch, agent: isFields(agent) ? agent : undefined };
}

function budgetOf(value: unknown): Fields | undefined {
  if (value === undefined || value === null) return undefined;
  const cost = isFields(value) ? value['max_list_cost'] : undefined;
  const isLimit = isFields(value) && value['type'] === 'limit' && isFields(cost);
  if (!isLimit || !isFields(cost)) throw malformed('budget is a limit with max_list_cost');
  const { amount, currency } = cost;
  if (typeof amount !== 'string' || !/^\d{1,15}$/.test(amount)) {
    throw malformed('budget.max_list_cost.amount is a whole number of cents, as text');
  }
  if (typeof currency !== 'string' || !/^[A-Za-z]{3}$/.test(currency)) {
    throw malformed('budget.max_list_cost.currency is a code of three letters');
  }
  return { type: 'limit', max_list_cost: { amount, currency } };
}

function limitsOf(value: unknown): Record<string, number> {
  if (value === undefined || value === null) return {};
  if (!isFields(value)) throw malformed('limits is an object');
  const names = ['events', 'bytes', 'tokens', 'turns'];
  const given = names.map((name) => [name, countField(value, name)] as const);
  return Object.fromEntries(
    given.filter((pair): pair is [string, number] => pair[1] !== undefined),
  );
}

const resourceTypes: ReadonlySet<unknown> = new Set(['file', 'github_repository', 'memory_store']);

/** As it is stored and told. A token is taken by nobody here, and never told again: it is not kept. */
export function resourceOf(value: unknown, place: string, newId: () => string): Fields {
  if (!isFields(value)) throw malformed(`${place} is an object`);
  if (!resourceTypes.has(value['type'])) {
    throw malformed(`${place}.type is file, github_repository or memory_store`);
  }
  const { authorization_token: _, id: __, ...rest } = value;
  const common = { id: newId(), ...rest };
  switch (value['type']) {
    case 'file': {
      const fileId = requiredText(value, 'file_id', idCharsMax);
      return { ...common, mount_path: rest['mount_path'] ?? `/mnt/session/uploads/${fileId}` };
    }
    case 'github_repository':
      requiredText(value, 'url', 2_048);
      return { ...common, mount_path: rest['mount_path'] ?? mountOf(String(value['url'])) };
    default:
      requiredText(value, 'memory_store_id', idCharsMax);
      return { ...common, access: rest['access'] ?? 'read_write' };
  }
}

const mountOf = (url: string): string =>
  `/workspace/${
    url
      .split('/')
      .at(-1)
      ?.replace(/\.git$/, '') ?? 'repository'
  }`;
