// What one client asks of subscriptions, and what is recorded of it.

import type { Call } from '@tidemark/checker';
import { problemIn, wireFailure } from './answers.ts';
import type { Asked, Exchange, Exchanged } from './exchange.ts';
import { fullName, type Named } from './names.ts';
import type { Answer, Recorder } from './recorder.ts';
import { isCoverable, type SubscriptionSpec, wakeStream } from './subscription-specs.ts';
import { type HeldWake, positionsOf, type ToldWake, toldAnswer, type WakeAck } from './wake.ts';

export interface Acknowledgement {
  readonly acks: readonly WakeAck[];
  readonly done: boolean;
  /** Of which generation it says that it speaks, where that is not its token's. */
  readonly generation?: number;
}

type Question = Pick<Asked, 'method'> & {
  /** Behind the subscription's own path. */
  readonly path?: string;
  readonly token?: string;
  readonly body?: object;
};

interface Asking {
  readonly call: Pick<Call, 'type'> & Partial<Call>;
  readonly question: Question;
  /** What an answer says that refuses nothing. */
  readonly read?: (answer: Extract<Exchanged, { kind: 'answer' }>) => Answer;
}

const pathTo = ({ id }: SubscriptionSpec): string => `/v1/stream/__ds/subscriptions/${id}`;

export class Subscriber {
  readonly #recorder: Recorder;
  readonly #exchanges: ReadonlyMap<string, Exchange>;

  constructor(recorder: Recorder, exchanges: ReadonlyMap<string, Exchange>) {
    this.#recorder = recorder;
    this.#exchanges = exchanges;
  }

  #exchange(tenant: string): Exchange {
    return this.#exchanges.get(tenant) as Exchange;
  }

  async #ask(spec: SubscriptionSpec, { call, question, read }: Asking): Promise<Answer> {
    const { method, path = '', token, body } = question;
    const { full } = spec;
    const op = this.#recorder.call({ session: full, subscription: full, ...call });
    const exchanged = await this.#exchange(spec.tenant).ask({
      method,
      path: `${pathTo(spec)}${path}`,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    let answer = failureOf(call.type, exchanged);
    if (answer === undefined && exchanged.kind === 'answer') answer = read?.(exchanged);
    answer ??= { outcome: 'ok' };
    this.#recorder.answer(op, answer);
    return answer;
  }

  /** Nobody's history: where wakes are announced is read by nobody who is judged. */
  async makeWakeStream(tenant: string): Promise<boolean> {
    const exchanged = await this.#exchange(tenant).ask({
      method: 'PUT',
      path: `/v1/stream/${wakeStream}`,
      headers: { 'content-type': 'application/json' },
    });
    return exchanged.kind === 'answer' && exchanged.status < 300;
  }

  subscribe(spec: SubscriptionSpec): Promise<Answer> {
    const { leaseMs, covers, request } = spec;
    return this.#ask(spec, {
      call: { type: 'subscribe', leaseMs, covers },
      question: { method: 'PUT', body: request },
      read: ({ status }) => ({ outcome: 'ok', isNew: status === 201 }),
    });
  }

  unsubscribe(spec: SubscriptionSpec): Promise<Answer> {
    return this.#ask(spec, { call: { type: 'unsubscribe' }, question: { method: 'DELETE' } });
  }

  link(spec: SubscriptionSpec, named: Named, type: 'link' | 'unlink'): Promise<Answer> {
    const links = [fullName(named)];
    const path = '/streams';
    return this.#ask(spec, {
      call: { type, links, covers: isCoverable(named) ? links : [] },
      question:
        type === 'link'
          ? { method: 'POST', path, body: { streams: [named.name] } }
          : { method: 'DELETE', path: `${path}/${named.name}` },
    });
  }

  async claim(
    spec: SubscriptionSpec,
    worker: string,
  ): Promise<{ readonly answer: Answer; readonly wake?: HeldWake }> {
    let wake: HeldWake | undefined;
    const answer = await this.#ask(spec, {
      call: { type: 'claim' },
      question: { method: 'POST', path: '/claim', body: { worker } },
      read: ({ body }) => {
        const told = JSON.parse(body) as ToldWake & { readonly token: string };
        const { wake_id: wakeId, generation, token, streams } = told;
        wake = { spec, wakeId, generation, token, streams };
        return { isNew: true, ...toldAnswer(spec, told) };
      },
    });
    return wake === undefined ? { answer } : { answer, wake };
  }

  ack(held: HeldWake, { acks, done, generation }: Acknowledgement): Promise<Answer> {
    const { spec, wakeId, token } = held;
    const spoken = generation ?? held.generation;
    return this.#ask(spec, {
      call: { type: 'ack', generation: spoken, acks: positionsOf(spec, acks), done },
      question: {
        method: 'POST',
        path: spec.kind === 'webhook' ? '/callback' : '/ack',
        token,
        body: { wake_id: wakeId, generation: spoken, acks, done },
      },
    });
  }

  release({ spec, wakeId, generation, token }: HeldWake): Promise<Answer> {
    return this.#ask(spec, {
      call: { type: 'release', generation },
      question: {
        method: 'POST',
        path: '/release',
        token,
        body: { wake_id: wakeId, generation },
      },
    });
  }
}

/** Undefined where it was taken. */
function failureOf(type: Call['type'], exchanged: Exchanged): Answer | undefined {
  if (exchanged.kind !== 'answer') return wireFailure(exchanged);
  const { status, body } = exchanged;
  if (status < 400) return undefined;
  const refusal = refusalIn(body);
  if (refusal !== undefined) {
    // It was claimed, and taken over before the answer was made.
    const isLost = type === 'claim' && refusal === 'fenced';
    return { outcome: isLost ? 'unknown' : 'refused', code: refusal };
  }
  const { code = String(status), effect } = problemIn(body);
  return { outcome: effect === 'none' ? 'refused' : 'unknown', code };
}

/** Refusals of subscriptions have a form of their own. */
function refusalIn(body: string): string | undefined {
  const { error } = problemIn(body) as { readonly error?: { readonly code?: string } };
  return error?.code?.toLowerCase().replaceAll('_', '-');
}
