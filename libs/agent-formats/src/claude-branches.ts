// A transcript is a tree: a person goes back to something, says another thing, and what was said since is left
// behind. The file has all of it, in the order of writing. A record goes back where its parent is none of
// those that came since anything was said last; between those, what the program notes and parallel calls
// branch as they like.

import { digestOf } from './names.ts';

export interface Branches {
  /** Uuids since the last thing that was said, it included; null where that is not known. */
  readonly late: readonly string[] | null;
  /** What persons said, by short digests: a record that comes again goes back to nothing. */
  readonly prompts: readonly string[];
}

export interface Branching {
  readonly uuid: string;
  /** Null at a root; undefined where the record says nothing of it. */
  readonly parent: string | null | undefined;
  readonly kind: 'prompt' | 'said' | 'other';
}

export const noBranches: Branches = { late: null, prompts: [] };

const lateMax = 256;
const promptsMax = 1_024;

const short = (uuid: string): string => digestOf(uuid, 8);

export function goesBack({ late, prompts }: Branches, { uuid, parent, kind }: Branching): boolean {
  if (late === null || kind !== 'prompt' || parent === undefined) return false;
  const isContinued = parent !== null && late.includes(parent);
  return !isContinued && !prompts.includes(short(uuid));
}

export function branchesBehind({ late, prompts }: Branches, { uuid, kind }: Branching): Branches {
  if (kind === 'other') {
    const isKnown = late !== null && late.length < lateMax;
    return { late: isKnown ? [...late, uuid] : null, prompts };
  }
  if (kind === 'said') return { late: [uuid], prompts };
  return { late: [uuid], prompts: [...prompts, short(uuid)].slice(-promptsMax) };
}
