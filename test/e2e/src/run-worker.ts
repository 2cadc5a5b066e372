// A worker as docs/OPENCOMPUTER.md describes one, over plain HTTP.

export interface Held {
  readonly id: string;
  readonly generation: number;
  readonly is_over: boolean;
  readonly yield_reason: string | null;
  readonly cancel_requested: boolean;
  readonly input_from_seq: number;
  readonly input_to_seq: number;
  readonly has_new_input: boolean;
}

export interface Claimed {
  readonly turn: Held;
  readonly session: { readonly id: string; readonly status: string };
  readonly agent: { readonly id: string; readonly system: string | null };
  readonly credential: { readonly id: string; readonly sealed: string } | null;
}

export class RunWorker {
  readonly #base: string;
  readonly #headers: Record<string, string>;
  readonly name: string;

  constructor(url: string, name: string, key?: string) {
    this.#base = `${url}/v3`;
    this.name = name;
    this.#headers = {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    };
  }

  async post(path: string, body: object): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.#base}${path}`, {
      method: 'POST',
      headers: this.#headers,
      body: JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  async claim(more: object = {}): Promise<Claimed | undefined> {
    const { body } = await this.post('/turns/claim', { worker: this.name, ...more });
    return body as Claimed | undefined;
  }

  /** Waits for a turn that nobody runs, and claims it. */
  async next(more: object = {}): Promise<Claimed> {
    for (;;) {
      const claimed = await this.claim(more);
      if (claimed !== undefined) return claimed;
      await fetch(`${this.#base}/turns?wait_seconds=5`, { headers: this.#headers });
    }
  }

  report(
    { session, turn }: Claimed,
    events: readonly object[],
    more: object = {},
  ): Promise<{ status: number; body: unknown }> {
    const path = `/sessions/${session.id}/turns/${turn.id}/report`;
    return this.post(path, { generation: turn.generation, events, ...more });
  }

  complete(
    { session, turn }: Claimed,
    outcome: string,
    more: object = {},
  ): Promise<{ status: number; body: unknown }> {
    const path = `/sessions/${session.id}/turns/${turn.id}/complete`;
    return this.post(path, { generation: turn.generation, outcome, ...more });
  }
}

export const said = (text: string): object => ({ type: 'agent.message', body: { text } });

export const called = (id: string, tool: string, args: object = {}): object => ({
  type: 'tool.call',
  body: { call_id: id, tool, args },
});
