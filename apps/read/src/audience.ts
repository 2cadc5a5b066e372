// For whom a session's events are told: a filter, and a share of what there is.

import type { Share } from '@tidemark/session';
import { bareEvent, toldEvent } from '@tidemark/sessions-api';

export interface Audience {
  /** All, where there is none. */
  readonly types: readonly string[];
  /** All, where there is none. */
  readonly share: Share | undefined;
}

/** Those who are told the same have the same, which is JSON: nobody's filter looks like another's share. */
export const variantOf = ({ types, share }: Audience): string =>
  JSON.stringify({ types: [...types].sort(), share });

export const audienceOf = (variant: string): Audience => JSON.parse(variant) as Audience;

/** How events are told to whom a share of them is shown, or all. */
export const tellerOf = (share: Share | undefined): typeof toldEvent =>
  share?.isRedacted === true ? bareEvent : toldEvent;
