// Who makes sessions and speaks to their agents. A request that is not answered is made again, under its key.

import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.ts';

export interface OwnedSession {
  readonly id: string;
  readonly said: string[];
}

const messagesMax = 20;
const againMs = 200;

export class Owner {
  readonly sessions: OwnedSession[] = [];
  readonly #url: string;
  readonly #agent: string;
  readonly #hook: string;
  readonly #random: Random;
  readonly #name: string;
  #count = 0;

  constructor(
    at: { readonly url: string; readonly agent: string; readonly hook: string },
    name: string,
    random: Random,
  ) {
    this.#url = at.url;
    this.#agent = at.agent;
    this.#hook = at.hook;
    this.#name = name;
    this.#random = random;
  }

  async run(time: AbortSignal): Promise<void> {
    while (!time.aborted) {
      const session = await this.#create();
      this.sessions.push(session);
      for (let left = messagesMax; left > 0 && !time.aborted; left -= 1) {
        await delay(this.#random.between(50, 1_000));
        const isCancel = this.#random.chance(0.07);
        await (isCancel ? this.#post(`/sessions/${session.id}/cancel`, {}) : this.#say(session));
      }
    }
  }

  async #create(): Promise<OwnedSession> {
    this.#count += 1;
    const key = `${this.#name} ${this.#count}`;
    const input = { text: `${key} begins`, id: `${key} begins` };
    const destinations = [{ url: this.#hook, level: 'user' }];
    const body = { agent: this.#agent, key, input, destinations };
    const { session } = (await this.#post('/sessions', body)) as { session: { id: string } };
    return { id: session.id, said: [input.text] };
  }

  async #say({ id, said }: OwnedSession): Promise<void> {
    this.#count += 1;
    const text = `${this.#name} ${this.#count}`;
    await this.#post(`/sessions/${id}/messages`, { text, idempotency_key: text });
    said.push(text);
  }

  async #post(path: string, body: object): Promise<unknown> {
    for (;;) {
      try {
        const answer = await fetch(`${this.#url}/v3${path}`, {
          method: 'POST',
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(15_000),
        });
        const text = await answer.text();
        if (answer.ok) return JSON.parse(text);
        if (answer.status < 500) throw new TypeError(`${path}: ${answer.status} ${text}`);
      } catch (cause) {
        if (cause instanceof TypeError && cause.message.startsWith(path)) throw cause;
      }
      await delay(againMs);
    }
  }
}
