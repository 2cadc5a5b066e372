// One request to a model over the Messages API, with the key that only this process has.

import { type Clock, sleep } from '@tidemark/ports';
import { toolDefinitions } from './tools.ts';
import type { Block, Message } from './transcript.ts';

export interface ModelParts {
  readonly clock: Clock;
  readonly url: string;
}

export interface ModelRequest {
  readonly key: string | undefined;
  readonly model: string;
  readonly system: string | undefined;
  readonly messages: readonly Message[];
}

export interface ModelAnswer {
  readonly content: readonly Block[];
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What a model could not be asked for; its text names no key. */
export class ModelFailure extends Error {}

const answerTokensMax = 8_192;
const attemptsMax = 5;
const attemptMs = 300_000;
const passing: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504, 529]);

export async function askModel(
  parts: ModelParts,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<ModelAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await attemptOnce(parts, request, signal);
    if (!(outcome instanceof ModelFailure)) return outcome;
    if (attempt >= attemptsMax || outcome.cause === 'final') throw outcome;
    await sleep(parts.clock, 500 * 2 ** attempt, signal);
  }
}

async function attemptOnce(
  { url }: ModelParts,
  { key, model, system, messages }: ModelRequest,
  signal: AbortSignal,
): Promise<ModelAnswer | ModelFailure> {
  try {
    const response = await fetch(`${url.replace(/\/+$/, '')}/v1/messages`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
        ...(key !== undefined && { 'x-api-key': key }),
      },
      body: JSON.stringify({
        model,
        max_tokens: answerTokensMax,
        ...(system !== undefined && { system }),
        messages,
        tools: toolDefinitions,
      }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(attemptMs)]),
    });
    const text = await response.text();
    if (response.ok) return answerOf(JSON.parse(text) as RawAnswer);
    const cause = passing.has(response.status) ? 'passing' : 'final';
    return new ModelFailure(`the model answered ${response.status}`, { cause });
  } catch (cause) {
    if (signal.aborted) throw cause;
    return new ModelFailure('the model did not answer', { cause });
  }
}

interface RawAnswer {
  readonly content?: readonly Block[];
  readonly usage?: { readonly input_tokens?: number; readonly output_tokens?: number };
}

const answerOf = ({ content = [], usage = {} }: RawAnswer): ModelAnswer => ({
  content: content.filter(({ type }) => type === 'text' || type === 'tool_use'),
  inputTokens: usage.input_tokens ?? 0,
  outputTokens: usage.output_tokens ?? 0,
});
