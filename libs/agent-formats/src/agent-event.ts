// What a format makes of its source: events of the sessions API, and where they belong.

import type { Json } from './json-fields.ts';
import type { NativePart } from './native-part.ts';

/** What an event says, before it has an id. */
export type Draft = Json & { readonly type: string };

export interface AgentEvent extends Json {
  readonly type: string;
  readonly id: string;
  readonly processed_at?: string;
  readonly native?: NativePart;
}

export interface RoutedEvent {
  /** A sub-agent's own thread, by the key that its source has for it; undefined: the session's own. */
  readonly thread: string | undefined;
  readonly event: AgentEvent;
}

/** One record of a source, and what tells it from all others of its session. */
export interface SourceRecord {
  readonly key: string;
  readonly value: unknown;
}

export interface Converted<State> {
  readonly state: State;
  readonly events: readonly RoutedEvent[];
}

/** A format of records that follow one another. State is JSON: an import goes on from it in another process. */
export interface RecordFormat<State> {
  readonly name: string;
  begin(): State;
  convert(state: State, record: SourceRecord): Converted<State>;
  /** Where nothing has come for a while: what was held back for more. */
  settle(state: State): Converted<State>;
  about(state: State): About;
}

/** Of a session as a whole. */
export interface About {
  readonly title?: string | undefined;
  readonly cwd?: string | undefined;
  readonly branch?: string | undefined;
  readonly version?: string | undefined;
  readonly parent?: string | undefined;
  readonly forkedFrom?: string | undefined;
  readonly models: readonly string[];
  readonly tokens: TokenCounts;
  /** US dollars, where the source counts them. */
  readonly cost?: number | undefined;
}

export interface TokenCounts {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

const noTokens: TokenCounts = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

export const nothingKnown: About = { models: [], tokens: noTokens };

const modelsMax = 16;

export function withUsage(about: About, model: string | undefined, tokens: TokenCounts): About {
  const isNew = model !== undefined && !about.models.includes(model);
  const models = isNew ? [...about.models, model].slice(-modelsMax) : about.models;
  const sum = (name: keyof TokenCounts): number => about.tokens[name] + tokens[name];
  return {
    ...about,
    models,
    tokens: {
      input: sum('input'),
      output: sum('output'),
      cacheRead: sum('cacheRead'),
      cacheWrite: sum('cacheWrite'),
    },
  };
}

/** As the sessions API counts them. */
export const usageDraft = (model: string | undefined, tokens: TokenCounts): Draft => ({
  type: 'span.model_request_end',
  is_error: false,
  ...(model === undefined ? {} : { model }),
  model_usage: {
    input_tokens: tokens.input,
    output_tokens: tokens.output,
    cache_read_input_tokens: tokens.cacheRead,
    cache_creation_input_tokens: tokens.cacheWrite,
  },
});
