// What a test has a client do, in words that any language and any place can be told. `python/driver.py` is the
// same for the Python client.

import {
  isProblem,
  type SentEvent,
  type Session,
  type StoredEvent,
  Tidemark,
} from '@tidemark/client';

export type Args = Readonly<Record<string, unknown>>;

interface Following {
  readonly events: StoredEvent[];
  readonly controller: AbortController;
  cursor: string;
  ended: Promise<string>;
  heard: () => void;
}

const note = (n: number): SentEvent => ({ type: 'note', n, text: 'x'.repeat(n % 90) });

export class Driver {
  readonly #following = new Map<string, Following>();
  #client = new Tidemark({ url: 'http://127.0.0.1:1' });

  /** The outcome, or the problem, as JSON has it. */
  async call(op: string, args: Args): Promise<unknown> {
    try {
      const run = this.#ops[op];
      if (run === undefined) throw new Error(`no such op: ${op}`);
      return { result: (await run(args)) ?? null };
    } catch (cause) {
      if (!isProblem(cause))
        return { failure: cause instanceof Error ? cause.stack : String(cause) };
      const { code, retry, effect, status, facts, message } = cause;
      return { problem: { code, retry, effect, status, facts, message } };
    }
  }

  #session({ session }: Args): Session {
    return this.#client.session(session as string);
  }

  #followed({ key }: Args): Following {
    const known = this.#following.get(key as string);
    if (known === undefined) throw new Error('nothing is followed under that key');
    return known;
  }

  readonly #ops: Readonly<Record<string, (args: Args) => Promise<unknown>>> = {
    connect: async (args) => {
      this.#client = new Tidemark(args as unknown as ConstructorParameters<typeof Tidemark>[0]);
    },
    create: async ({ wish = {}, ...options }) =>
      (await this.#client.create(wish as SentEvent, options)).id,
    get: (args) => this.#session(args).get(),
    update: (args) => this.#session(args).update(args['change'] as Args),
    delete: (args) => this.#session(args).delete(),
    act: (args) => this.#session(args)[args['act'] as 'start'](),
    list: async (args) => {
      const ids: string[] = [];
      for await (const { id } of this.#client.list(args)) ids.push(id);
      return ids;
    },
    append: (args) => {
      const expected = args['expected'] as number | undefined;
      const events = args['events'] as SentEvent[];
      return this.#session(args).append(events, expected === undefined ? {} : { expected });
    },
    produce: async (args) => {
      const { producer, from, count, chunk } = args as Record<string, number>;
      const options = { producer: String(producer), from: from ?? 0 };
      const appender = this.#session(args).appender(options);
      for (let n = from ?? 0; n < (count ?? 0); n += 1) {
        void appender.append(note(n));
        if (n % (chunk ?? 100) === 0) await appender.flush();
      }
      await appender.flush();
      return appender.acknowledged;
    },
    read: async (args) => {
      const events: StoredEvent[] = [];
      for await (const event of this.#session(args).read(args)) events.push(event);
      return events;
    },
    last: (args) => this.#session(args).last(args['n'] as number),
    event: (args) => this.#session(args).event(args['id'] as string),
    search: async (args) => (await this.#client.search(args['q'] as string)).data,
    searchIn: async (args) => (await this.#session(args).search(args['q'] as string)).data,
    factPut: (args) => {
      const version = args['version'] as number | undefined;
      const options = version === undefined ? {} : { version };
      return this.#session(args).facts.put(args['key'] as string, args['value'], options);
    },
    factGet: (args) => this.#session(args).facts.get(args['key'] as string),
    factDelete: (args) => this.#session(args).facts.delete(args['key'] as string),
    factKeys: async (args) => (await this.#session(args).facts.list()).map(({ key }) => key),
    /** Counts a fact up. */
    count: async (args) => {
      for (let time = 0; time < (args['times'] as number); time += 1) {
        await this.#session(args).facts.change<number>('count', (value = 0) => value + 1);
      }
    },
    followStart: async (args) => {
      const controller = new AbortController();
      const following: Following = {
        events: [],
        controller,
        cursor: '',
        ended: Promise.resolve(''),
        heard: () => undefined,
      };
      following.ended = this.#follow(args, following);
      following.ended.catch(() => undefined);
      this.#following.set(args['key'] as string, following);
    },
    /** Waits until so many came in all. */
    followTake: async (args) => {
      const following = this.#followed(args);
      const isOver = following.ended.then(() => true);
      while (following.events.length < (args['count'] as number)) {
        const heard = new Promise<false>((resolve) => {
          following.heard = () => resolve(false);
        });
        if (await Promise.race([isOver, heard])) break;
      }
      return { events: following.events, cursor: following.cursor };
    },
    /** Waits until it ended by itself. */
    followEnd: async (args) => {
      const following = this.#followed(args);
      return { ending: await following.ended, events: following.events };
    },
    followStop: async (args) => {
      this.#followed(args).controller.abort();
    },
  };

  async #follow(args: Args, following: Following): Promise<string> {
    const { signal } = following.controller;
    const options = { after: args['after'] as string, types: (args['types'] ?? []) as string[] };
    const batches = this.#session(args).followBatches({ ...options, signal });
    for (;;) {
      const next = await batches.next().catch((cause: unknown) => {
        if (cause === signal.reason) return { done: true, value: 'stopped' } as const;
        throw cause;
      });
      if (next.done === true) return next.value;
      following.events.push(...next.value.events);
      following.cursor = next.value.cursor;
      following.heard();
    }
  }
}
