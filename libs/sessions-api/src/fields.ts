// Checks of a request's JSON. What is wrong is told with the field's name.

import { JsonSyntaxError, Problem } from '@tidemark/protocol';
import { strictTextOf } from '@tidemark/std';

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const malformed = (detail: string): Problem => new Problem('invalid-request', detail);

export function parseJson(body: Uint8Array): unknown {
  const text = strictTextOf(body);
  if (text === undefined) throw new Problem('invalid-json', 'the body is not UTF-8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Problem('invalid-json', 'the body is not JSON', { cause });
  }
}

/** The fields of an object; none where there is no body. */
export function fieldsOf(body: Uint8Array): Fields {
  if (body.length === 0) return {};
  const value = parseJson(body);
  if (isFields(value)) return value;
  throw malformed('the body is a JSON object');
}

export function textField(fields: Fields, name: string, charsMax: number): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw malformed(`${name} is text`);
  if (value.length > charsMax) throw malformed(`${name} has at most ${charsMax} characters`);
  return value;
}

export function requiredText(fields: Fields, name: string, charsMax: number): string {
  const value = textField(fields, name, charsMax);
  if (value === undefined || value === '') throw malformed(`${name} is required`);
  return value;
}

export function listField(fields: Fields, name: string, countMax: number): readonly unknown[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw malformed(`${name} is a list`);
  if (value.length > countMax) throw malformed(`${name} has at most ${countMax} entries`);
  return value as readonly unknown[];
}

export function countField(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw malformed(`${name} is a whole number from 0 on`);
}

/** What the scanner found, told as what a client can act on. */
export function scanned<T>(scan: () => T): T {
  try {
    return scan();
  } catch (cause) {
    if (!(cause instanceof JsonSyntaxError)) throw cause;
    throw new Problem('invalid-json', `the body is not JSON: ${cause.message}`, { cause });
  }
}
