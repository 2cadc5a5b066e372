// Keys of model providers. What is told of one is never enough to use it.

import { timestampText } from '@tidemark/protocol';
import { type Fields, isFields } from '@tidemark/sessions-api';

/** Where credentials lie, beside agents and environments; each of its events is one version. */
export const credentialSession = (id: string): string => `$credential/${id}`;
export const credentialPrefix = '$credential/';

/** Which of them a tenant uses where an agent names none. */
export const credentialDefaults = '$credential-defaults';

/** What its seal is for. */
export const credentialPurpose = (tenant: string, id: string): string =>
  `credential\n${tenant}\n${id}`;

export interface NewCredential {
  readonly id: string;
  readonly provider: string;
  readonly name: string | undefined;
  readonly last4: string;
  readonly sealed: string;
  readonly nowMs: number;
}

export const newCredential = (given: NewCredential): Fields => ({
  id: given.id,
  type: 'credential',
  provider: given.provider,
  name: given.name ?? null,
  last4: given.last4,
  sealed: given.sealed,
  version: 1,
  created_at: timestampText(given.nowMs),
  updated_at: timestampText(given.nowMs),
  deleted_at: null,
});

export function credentialObject(stored: Fields, defaults: Fields): Fields {
  const { id, provider, name, last4, created_at, updated_at, version } = stored;
  const isDefault = isFields(defaults) && defaults[String(provider)] === id;
  return { id, provider, name, last4, version, is_default: isDefault, created_at, updated_at };
}
