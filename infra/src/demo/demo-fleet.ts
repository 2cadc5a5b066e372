// A fleet of invented coding agents, written over plain HTTP as any harness writes: turns, model requests
// with what they used, tool calls and results, questions to a person, errors.

import { setTimeout as delay } from 'node:timers/promises';
import { type DemoStep, type DemoTask, demoTasks } from './demo-tasks.ts';

export interface DemoOptions {
  readonly url: string;
  readonly key?: string | undefined;
  readonly agentsCount?: number;
  /** By which all waits are divided. */
  readonly speed?: number;
  readonly signal: AbortSignal;
  /** 0 to 1. */
  readonly random?: () => number;
}

type Event = Readonly<Record<string, unknown>> & { readonly type: string };

interface SessionState {
  readonly id: string;
  readonly pending_event_ids: readonly string[];
}

const agents = [
  ['Payments engineer', 'claude-opus-4-6'],
  ['Search engineer', 'claude-sonnet-4-6'],
  ['Performance detective', 'claude-opus-4-6'],
  ['Upgrade pilot', 'claude-sonnet-4-6'],
  ['Data janitor', 'claude-haiku-4-5'],
  ['Build doctor', 'claude-sonnet-4-6'],
] as const;

const repositories = ['shop', 'mobile', 'ledger', 'catalog', 'platform', 'support', 'warehouse'];

/** How long a person is waited for, before the demo answers by itself. */
const patienceMs = 25_000;
const pollMs = 1_500;
/** A cent buys so many tokens, about. */
const tokensPerCent = 3_000;

/** Runs until it is told to stop. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { agentsCount = 12, signal } = options;
  const made = await Promise.all(agents.map((agent) => makeAgent(options, agent)));
  const workers = Array.from({ length: agentsCount }, (_, index) =>
    new DemoAgent(options, { agents: made, index }).run(),
  );
  try {
    await Promise.all(workers);
  } catch (cause) {
    if (!signal.aborted) throw cause;
  }
}

async function makeAgent(
  options: DemoOptions,
  [name, model]: (typeof agents)[number],
): Promise<string> {
  const { id } = await post<{ readonly id: string }>(options, '/v1/agents', { name, model });
  return id;
}

async function post<T>({ url, key, signal }: DemoOptions, path: string, body: unknown): Promise<T> {
  const headers = {
    'content-type': 'application/json',
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  };
  const init = { method: 'POST', headers, body: JSON.stringify(body), signal };
  const answer = await fetch(`${url}${path}`, init);
  if (!answer.ok) throw new Error(`${path} is answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

class DemoAgent {
  readonly #options: DemoOptions;
  /** In the order of the tasks: each has its own. */
  readonly #agents: readonly string[];
  readonly #index: number;
  #path = '';
  #contextTokens = 0;
  #usedTokens = { input: 0, output: 0 };

  constructor(
    options: DemoOptions,
    place: { readonly agents: readonly string[]; readonly index: number },
  ) {
    this.#options = options;
    this.#agents = place.agents;
    this.#index = place.index;
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    await this.#wait(this.#index * 900);
    for (let round = 0; !signal.aborted; round += 1) {
      const place = (this.#index + round * 5) % demoTasks.length;
      await this.#work(demoTasks[place] as DemoTask, this.#agents[place] ?? '');
      await this.#wait(4_000 + this.#random() * 12_000);
    }
  }

  #random(): number {
    return this.#options.random?.() ?? Math.random();
  }

  #wait(ms: number): Promise<void> {
    const { speed = 1, signal } = this.#options;
    return delay(ms / speed, undefined, { signal });
  }

  async #work(task: DemoTask, agent: string): Promise<void> {
    const repository = repositories[Math.floor(this.#random() * repositories.length)] ?? '';
    const session = await post<SessionState>(this.#options, '/v1/sessions', {
      agent,
      environment_id: 'env_demo',
      title: `${task.title}, ${repository}`,
      metadata: { repository: `acme/${repository}`, branch: `agent/${this.#index}` },
      budget: { type: 'limit', max_list_cost: { amount: '500', currency: 'USD' } },
    });
    this.#path = `/v1/sessions/${session.id}`;
    this.#contextTokens = 4_000 + Math.floor(this.#random() * 3_000);
    this.#usedTokens = { input: 0, output: 0 };
    await this.#turn(task.prompt, task.steps);
    if (task.next === undefined) return;
    await this.#wait(6_000);
    const said = { kind: 'say', text: 'Done, and the tests pass.' } as const;
    await this.#turn(task.next, [...task.steps.slice(1, 3), said]);
  }

  /** The events as they are stored. */
  async #send(...events: readonly Event[]): Promise<readonly { readonly id: string }[]> {
    const path = `${this.#path}/events`;
    return (await post<{ data: { id: string }[] }>(this.#options, path, { events })).data;
  }

  async #turn(prompt: string, steps: readonly DemoStep[]): Promise<void> {
    await this.#send({ type: 'user.message', content: [{ type: 'text', text: prompt }] });
    await this.#send({ type: 'session.status_running' });
    for (const step of steps) {
      const isOver = await this.#step(step);
      if (isOver) return;
    }
    await this.#send(
      { type: 'session.usage', usage: this.#usage() },
      { type: 'session.status_idle', stop_reason: { type: 'end_turn' } },
    );
  }

  #usage(): Record<string, unknown> {
    const { input, output } = this.#usedTokens;
    const cents = Math.max(1, Math.round((input / 8 + output * 4) / tokensPerCent));
    return { list_cost: { amount: String(cents), currency: 'USD' } };
  }

  /** Whether the turn is over with it. */
  async #step(step: DemoStep): Promise<boolean> {
    switch (step.kind) {
      case 'think':
        await this.#request(() => this.#write('agent.thinking', step.text));
        return false;
      case 'say':
        await this.#request(() => this.#write('agent.message', step.text));
        return false;
      case 'tool':
        await this.#tool(step);
        return false;
      case 'ask':
        return this.#ask(step);
      case 'fail':
        await this.#wait(3_000);
        await this.#send(
          {
            type: 'session.error',
            error: { type: step.type, message: step.message, retry_status: { type: 'exhausted' } },
          },
          { type: 'session.status_idle', stop_reason: { type: 'retries_exhausted' } },
        );
        return true;
    }
  }

  /** What a model is asked, and what that used. */
  async #request<T>(answer: () => Promise<T>): Promise<T> {
    const [start] = await this.#send({ type: 'span.model_request_start' });
    await this.#wait(700 + this.#random() * 1_800);
    const result = await answer();
    const output = 60 + Math.floor(this.#random() * 700);
    const fresh = 200 + Math.floor(this.#random() * 1_500);
    const cached = this.#contextTokens;
    this.#contextTokens += fresh + output;
    this.#usedTokens.input += fresh + cached;
    this.#usedTokens.output += output;
    await this.#send({
      type: 'span.model_request_end',
      model_request_start_id: start?.id,
      is_error: false,
      model_usage: {
        input_tokens: fresh,
        output_tokens: output,
        cache_read_input_tokens: cached,
        cache_creation_input_tokens: 0,
      },
    });
    return result;
  }

  /** As it is written, a few words at a time, and then as what it has become. */
  async #write(type: string, text: string): Promise<void> {
    const id = `said-${this.#index}-${Math.floor(this.#random() * 1e12).toString(36)}`;
    await this.#send({ type: 'event_start', event: { id, type } });
    const words = text.match(/\S+\s*/g) ?? [];
    for (let at = 0; at < words.length; at += 4) {
      const piece = words.slice(at, at + 4).join('');
      const content = { type: 'text', text: piece };
      const delta = { type: 'content_delta', index: 0, content };
      await this.#send({ type: 'event_delta', event_id: id, delta });
      await this.#wait(110);
    }
    await this.#send({ type, id, content: [{ type: 'text', text }] });
  }

  async #use(name: string, input: unknown, permission: string): Promise<string> {
    const event = { type: 'agent.tool_use', name, input, evaluated_permission: permission };
    const [use] = await this.#request(() => this.#send(event));
    return use?.id ?? '';
  }

  async #result(id: string, text: string, isError = false): Promise<void> {
    const content = [{ type: 'text', text }];
    await this.#send({ type: 'agent.tool_result', tool_use_id: id, content, is_error: isError });
  }

  async #tool(step: Extract<DemoStep, { kind: 'tool' }>): Promise<void> {
    const id = await this.#use(step.name, step.input, 'allow');
    await this.#wait(step.tookMs * (0.7 + this.#random() * 0.6));
    await this.#result(id, step.result, step.isError === true);
  }

  async #ask({ name, input, result }: Extract<DemoStep, { kind: 'ask' }>): Promise<boolean> {
    const id = await this.#use(name, input, 'ask');
    const stop_reason = { type: 'requires_action', event_ids: [id] };
    await this.#send({ type: 'session.status_idle', stop_reason });
    const isAllowed = await this.#answerTo(id);
    await this.#send({ type: 'session.status_running' });
    if (isAllowed) {
      await this.#wait(1_200);
      await this.#result(id, result);
      return false;
    }
    await this.#result(id, 'A person has denied this.', true);
    await this.#write('agent.message', 'I leave it as it is, then. Nothing was changed.');
    await this.#send({ type: 'session.status_idle', stop_reason: { type: 'end_turn' } });
    return true;
  }

  /** A person's, where somebody is there; else, after a while, the demo allows it itself. */
  async #answerTo(id: string): Promise<boolean> {
    const { url, key, signal } = this.#options;
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    for (let waitedMs = 0; waitedMs < patienceMs * 2; waitedMs += pollMs) {
      await this.#wait(pollMs);
      const types = 'types[]=user.tool_confirmation&order=desc&limit=5';
      const answer = await fetch(`${url}${this.#path}/events?${types}`, { headers, signal });
      const { data } = (await answer.json()) as {
        readonly data: readonly { readonly tool_use_id: string; readonly result: string }[];
      };
      const found = data.find(({ tool_use_id: of }) => of === id);
      if (found !== undefined) return found.result === 'allow';
      if (waitedMs > patienceMs * (1 + (this.#index % 2))) break;
    }
    await this.#send({ type: 'user.tool_confirmation', tool_use_id: id, result: 'allow' });
    return true;
  }
}
