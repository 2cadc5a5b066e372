// What the destinations of a tenant say now, for the sessions that name them.

import { sharedDestinations, sharedDestinationsIn } from '@tidemark/agents-api';
import { Problem } from '@tidemark/protocol';
import type { Shards, Tenant } from '@tidemark/replica';
import { type Destination, type DestinationState, liveStream } from '@tidemark/session';
import { textOf } from '@tidemark/std';

type Known = ReadonlyMap<string, Destination>;

export class SharedConfigs {
  readonly #shards: Shards;
  /** By tenant; forgotten as soon as they change. */
  readonly #known = new Map<string, Promise<Known>>();

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  changed(tenant: string): void {
    this.#known.delete(tenant);
  }

  /** As the owner has it; undefined where it is gone, or waits. */
  async enabled(tenant: Tenant, destination: DestinationState): Promise<Destination | undefined> {
    const config =
      destination.isShared === true ? (await this.#of(tenant)).get(destination.id) : destination;
    return config?.isEnabled === true ? config : undefined;
  }

  #of(tenant: Tenant): Promise<Known> {
    const known = this.#known.get(tenant.id);
    if (known !== undefined) return known;
    const reading = this.#read(tenant);
    this.#known.set(tenant.id, reading);
    reading.catch(() => {
      if (this.#known.get(tenant.id) === reading) this.#known.delete(tenant.id);
    });
    return reading;
  }

  async #read(tenant: Tenant): Promise<Known> {
    const { replica, key } = this.#shards.locate(tenant, sharedDestinations);
    return replica.with(key, async (session) => {
      const stream = liveStream(session.state);
      if (stream instanceof Problem || stream.tailSeq === 0) return new Map();
      const bounds = { position: stream.tailSeq - 1, bytesMax: 0, eventsMax: 1 };
      const [body] = (await this.#shards.reader.read({ replica, session }, bounds)).split();
      const stored = body && (JSON.parse(textOf(body)) as Readonly<Record<string, unknown>>);
      return new Map(sharedDestinationsIn(stored).map((each) => [each.id, each]));
    });
  }
}
