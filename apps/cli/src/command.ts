// A command is a row of a table: its help, its completion and its documentation are made of the same words
// that its arguments are parsed by.

import { parseArgs } from 'node:util';
import type { SessionsClient } from '@tidemark/sessions-client';
import type { Environment, ExitCode } from './environment.ts';

export interface Option {
  /** What stands for the value in the help; a switch has none. */
  readonly value?: string;
  readonly isList?: true;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly positionals: string;
  readonly options: Readonly<Record<string, Option>>;
  /** What else there is to say, as it is printed. */
  readonly notes?: readonly string[];
  readonly examples: readonly string[];
  readonly run: (call: Call) => Promise<ExitCode>;
}

export interface Call {
  readonly environment: Environment;
  readonly client: SessionsClient;
  readonly positionals: readonly string[];
  readonly isJson: boolean;
  /** Of a switch: whether it is there. */
  readonly has: (option: string) => boolean;
  readonly text: (option: string) => string | undefined;
  readonly texts: (option: string) => readonly string[];
  readonly count: (option: string) => number | undefined;
}

/** The command was not called as its help says. */
export class UsageMistake extends Error {}

export const commonOptions: Readonly<Record<string, Option>> = {
  json: { help: 'results as JSON, one object a line' },
  url: { value: 'URL', help: 'the server; else TIDEMARK_URL, else http://127.0.0.1:4437' },
  'api-key': { value: 'KEY', help: 'else TIDEMARK_API_KEY' },
  help: { help: 'this text' },
};

type Values = Readonly<
  Record<string, string | boolean | readonly (string | boolean)[] | undefined>
>;

export interface Parsed {
  readonly values: Values;
  readonly positionals: readonly string[];
}

export function parseCommand({ options }: Command, args: readonly string[]): Parsed {
  const all = { ...commonOptions, ...options };
  const declared = Object.fromEntries(
    Object.entries(all).map(([name, { value, isList }]) => [
      name,
      { type: value === undefined ? 'boolean' : 'string', multiple: isList === true } as const,
    ]),
  );
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: declared,
      allowPositionals: true,
    });
    return { values, positionals };
  } catch (cause) {
    const [first = ''] = (cause as Error).message.split('. ');
    throw new UsageMistake(first, { cause });
  }
}

export function callOf(
  { values, positionals }: Parsed,
  environment: Environment,
  client: SessionsClient,
): Call {
  const text = (option: string): string | undefined => {
    const value = values[option];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    environment,
    client,
    positionals,
    isJson: values['json'] === true,
    has: (option) => values[option] === true,
    text,
    texts: (option) => [values[option] ?? []].flat().map(String),
    count: (option) => {
      const given = text(option);
      if (given === undefined) return undefined;
      if (/^\d{1,15}$/.test(given)) return Number(given);
      throw new UsageMistake(`--${option} is a whole number`);
    },
  };
}

/** A positional that has to be there. */
export function required({ positionals }: Call, index: number, name: string): string {
  const value = positionals[index];
  if (value === undefined) throw new UsageMistake(`${name} is missing`);
  return value;
}
