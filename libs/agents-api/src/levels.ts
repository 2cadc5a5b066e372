// How far an event is for: each level has what the ones before it have.

import { malformed } from '@tidemark/sessions-api';

const levels = ['user', 'progress', 'internal'] as const;

export type Level = (typeof levels)[number];

export const isLevel = (value: unknown): value is Level => levels.includes(value as Level);

export const isWithinLevel = (level: Level, bound: Level): boolean =>
  levels.indexOf(level) <= levels.indexOf(bound);

export function parseLevel(value: unknown, fallback: Level): Level {
  if (value === undefined || value === null || value === '') return fallback;
  if (isLevel(value)) return value;
  throw malformed(`level is ${levels.join(', ')}`);
}

/** Of what was sent without one. */
export function levelOf(type: string): Level {
  if (type === 'user.message' || type === 'agent.message') return 'user';
  const isWork = /^(tool|exec|artifact|preview|turn|error|user|github)\./.test(type);
  return isWork ? 'progress' : 'internal';
}

/** Exact, or `prefix.*`. */
export const matchesType = (pattern: string, type: string): boolean =>
  pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
