// Drives a turn: asks the model, has the hands do what it calls for, and says all of it to the log before it
// goes on. What is not in the log did not happen: whoever takes the turn over begins from there.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Sealer } from '@tidemark/auth';
import type {
  SealedCredential,
  ToldTurnEvent,
  Turn,
  TurnAgent,
  TurnEnding,
  TurnEvent,
} from '@tidemark/client/worker';
import type { Clock, Logger } from '@tidemark/ports';
import type { Secret } from '@tidemark/std';
import { type Confinement, Hands } from './hands/hands.ts';
import { printedKey } from './key-command.ts';
import { askModel, type ModelAnswer } from './model.ts';
import { type Block, transcriptOf } from './transcript.ts';

export interface BrainParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sealer: Sealer | undefined;
  readonly modelKey: Secret | undefined;
  readonly keyCommand: string | undefined;
  readonly modelUrl: string;
  readonly folder: string;
  readonly confinement: Confinement;
  readonly path: string;
}

type Call = Extract<Block, { readonly type: 'tool_use' }>;

export async function runTurn(parts: BrainParts, turn: Turn): Promise<TurnEnding> {
  using work = new Work(parts, turn);
  for (;;) {
    const ending = await work.step();
    if (ending !== undefined) return ending;
  }
}

class Work implements Disposable {
  readonly #parts: BrainParts;
  readonly #turn: Turn;
  readonly #events: ToldTurnEvent[] = [];
  /** From the first call for them on. */
  #hands: Promise<Hands> | undefined;
  /** For the whole turn. */
  #key: Promise<string | undefined> | undefined;

  constructor(parts: BrainParts, turn: Turn) {
    this.#parts = parts;
    this.#turn = turn;
    turn.signal.addEventListener('abort', () => this[Symbol.dispose](), { once: true });
  }

  [Symbol.dispose](): void {
    void this.#hands?.then((hands) => hands[Symbol.dispose]());
  }

  /** One request to the model, and what it calls for. */
  async step(): Promise<TurnEnding | undefined> {
    await this.#read();
    const answer = await this.#ask();
    const calls = answer.content.filter((block): block is Call => block.type === 'tool_use');
    const said = saidIn(answer);
    const used: TurnEvent = {
      type: 'model.request',
      body: { input_tokens: answer.inputTokens, output_tokens: answer.outputTokens },
    };
    if (calls.length === 0) return { outcome: 'completed', events: [used, ...said] };
    await this.#turn.report([used, ...said, ...calls.map(callEvent)]);
    const question = await this.#answerAll(calls);
    if (question !== undefined) return question;
    if (this.#turn.held.has_new_input) await this.#turn.report([], { takesInputs: true });
    this.#turn.signal.throwIfAborted();
    return undefined;
  }

  async #read(): Promise<void> {
    const after = this.#events.at(-1)?.seq ?? 0;
    for await (const event of this.#turn.events({ after })) {
      const isWhole = event.content_ref === undefined;
      this.#events.push(isWhole ? event : await this.#whole(event));
    }
  }

  async #whole(event: ToldTurnEvent): Promise<ToldTurnEvent> {
    if (!/\.(message|result)$/.test(event.type)) return event;
    return { ...event, body: { ...event.body, text: await this.#turn.content(event) } };
  }

  async #ask(): Promise<ModelAnswer> {
    const { clock, modelUrl } = this.#parts;
    const { agent, credential, held, signal } = this.#turn;
    this.#key ??= this.#keyOf(credential);
    const request = {
      key: await this.#key,
      model: modelOf(agent),
      system: agent?.system ?? undefined,
      messages: transcriptOf(this.#events, held.input_to_seq),
    };
    return askModel({ clock, url: modelUrl }, request, signal);
  }

  async #keyOf(credential: SealedCredential | null): Promise<string | undefined> {
    const { sealer, modelKey, keyCommand, path } = this.#parts;
    if (credential === null && keyCommand !== undefined) {
      const { agent, session } = this.#turn;
      return printedKey(keyCommand, [agent?.id ?? '', session.id], path);
    }
    if (credential === null) return modelKey?.reveal();
    const key = sealer?.open(credential.sealed, credential.purpose);
    if (key === undefined) throw new Error('the credential cannot be opened here');
    return key;
  }

  /** One after the other; the ending, where it was a question. */
  async #answerAll(calls: readonly Call[]): Promise<TurnEnding | undefined> {
    let question: string | undefined;
    for (const call of calls) {
      this.#turn.signal.throwIfAborted();
      const { text: given } = call.input;
      const text = typeof given === 'string' ? given : '';
      if (call.name === 'ask') question = text;
      if (call.name === 'ask' || call.name === 'say') await this.#speak(call, text);
      else await this.#handle(call);
    }
    return question === undefined ? undefined : { outcome: 'needs_input' };
  }

  async #speak(call: Call, text: string): Promise<void> {
    const told = call.name === 'ask' ? 'asked: the answer comes as the next message' : 'said';
    const message: TurnEvent = { type: 'agent.message', body: { text } };
    await this.#turn.report([message, resultEvent(call, { text: told, isError: false })]);
  }

  async #handle(call: Call): Promise<void> {
    const hands = await this.#openHands();
    const result = await hands.use(call.name, call.input);
    this.#turn.signal.throwIfAborted();
    const { exitCode } = result;
    const executed: TurnEvent = {
      type: 'exec.completed',
      body: {
        command: call.input['command'],
        exit_code: exitCode,
        summary: result.text.slice(0, 256),
      },
    };
    await this.#turn.report([
      resultEvent(call, result),
      ...(exitCode === undefined ? [] : [executed]),
    ]);
  }

  #openHands(): Promise<Hands> {
    const { folder, confinement, path } = this.#parts;
    // A name that leads nowhere else, whatever the session is called.
    const name = createHash('sha256').update(this.#turn.session.id).digest('hex').slice(0, 32);
    this.#hands ??= Hands.open({ folder: join(folder, name), confinement, path });
    return this.#hands;
  }
}

function modelOf(agent: TurnAgent | null): string {
  const model = agent?.model;
  const id = typeof model === 'string' ? model : model?.id;
  if (id === undefined) throw new Error('the agent has no model');
  return id.replace(/^[a-z]+\//, '');
}

const saidIn = ({ content }: ModelAnswer): readonly TurnEvent[] =>
  content
    .filter((block) => block.type === 'text' && block.text.trim() !== '')
    .map((block) => ({ type: 'agent.message', body: { text: (block as { text: string }).text } }));

const callEvent = ({ id, name, input }: Call): TurnEvent => ({
  type: 'tool.call',
  body: { call_id: id, tool: name, args: input },
});

const resultEvent = (
  { id }: Call,
  { text, isError }: { readonly text: string; readonly isError: boolean },
): TurnEvent => ({ type: 'tool.result', body: { call_id: id, text, is_error: isError } });
