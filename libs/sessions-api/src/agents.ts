// The agent of a session, as a snapshot of what it was made with.

import { type Fields, isFields, malformed } from './fields.ts';

export interface AgentReference {
  readonly id: string;
  readonly version: number | undefined;
  /** What takes the place of the agent's own. */
  readonly overrides: Fields;
}

const overridable = ['mcp_servers', 'model', 'skills', 'system', 'tools'] as const;

/** An id, or an object that names one. */
export function agentReferenceOf(value: unknown): AgentReference | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value !== '') {
    return { id: value, version: undefined, overrides: {} };
  }
  if (!isFields(value) || typeof value['id'] !== 'string' || value['id'] === '') {
    throw malformed('agent is an id, or an object with one');
  }
  const { id, version } = value;
  if (version !== undefined && version !== null && !Number.isSafeInteger(version)) {
    throw malformed('agent.version is a whole number');
  }
  const given = overridable.filter((name) => value[name] !== undefined && value[name] !== null);
  const overrides = Object.fromEntries(given.map((name) => [name, value[name]]));
  return { id: String(id), version: Number(version ?? Number.NaN) || undefined, overrides };
}

/** As a session tells it; what is not known of the agent is empty. */
export function agentSnapshot(
  { id, version, overrides }: AgentReference,
  known: Fields | undefined,
): Fields {
  const model = overrides['model'] ?? known?.['model'] ?? 'unspecified';
  return {
    id,
    type: 'agent',
    version: known?.['version'] ?? version ?? 1,
    name: known?.['name'] ?? id,
    description: known?.['description'] ?? null,
    model: typeof model === 'string' ? { id: model } : model,
    system: overrides['system'] ?? known?.['system'] ?? null,
    tools: overrides['tools'] ?? known?.['tools'] ?? [],
    mcp_servers: overrides['mcp_servers'] ?? known?.['mcp_servers'] ?? [],
    skills: overrides['skills'] ?? known?.['skills'] ?? [],
    multiagent: known?.['multiagent'] ?? null,
    execution_identity: known?.['execution_identity'] ?? { type: 'service_account' },
    ...(known?.['runtime'] === undefined ? {} : { runtime: known['runtime'] }),
  };
}

export const unknownAgent: Fields = agentSnapshot(
  { id: 'agent_unspecified', version: 1, overrides: {} },
  undefined,
);
