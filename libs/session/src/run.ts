// How workers run a session: what a turn may cost, whose key they use, and what its owner gave it to carry.

import { type Check, type Fields, isCount, isFields, isText, optional, shaped } from './shapes.ts';

/** What a turn may take; undefined where it is not bounded. */
export interface TurnLimits {
  readonly tokens?: number | undefined;
  readonly turnSeconds?: number | undefined;
  /** Requests to the model. */
  readonly turns?: number | undefined;
}

export interface Run {
  readonly limits: TurnLimits;
  /** Handed back as it came, and never shown to a model. */
  readonly metadata: Fields | null;
  /** Under which it is made once. */
  readonly key?: string | undefined;
  /** Of what it was asked for with. */
  readonly requestHash: string;
  readonly credentialId?: string | undefined;
}

export const isRun: Check = shaped({
  limits: shaped({
    tokens: optional(isCount),
    turnSeconds: optional(isCount),
    turns: optional(isCount),
  }),
  metadata: (value) => value === null || isFields(value),
  key: optional(isText),
  requestHash: isText,
  credentialId: optional(isText),
});
