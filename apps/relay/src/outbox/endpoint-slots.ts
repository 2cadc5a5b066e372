// Deliveries under way, bounded so that an endpoint that hangs or is gone takes nothing from the others.
//
// (1) An endpoint is a tenant's URL. One whose last answer was good has a few deliveries at once; one
//     that failed has a single one, and none before its pause is over.
// (2) Whoever waits for its own endpoint waits there, and is in nobody else's way. Whoever waits because
//     the process, or its tenant, has enough under way goes first when something ends.

import { abortedFault, type Clock } from '@tidemark/ports';

export interface SlotBounds {
  readonly endpointMax: number;
  readonly tenantMax: number;
  readonly processMax: number;
}

export const slotDefaults: SlotBounds = { endpointMax: 4, tenantMax: 128, processMax: 512 };

const pauseMsMin = 500;
const pauseMsMax = 60_000;

export interface Slot extends Disposable {
  /** What came of it: the endpoint's next deliveries go by that. */
  heard(isGood: boolean): void;
}

interface Waiter {
  readonly resolve: () => void;
}

interface Endpoint {
  readonly key: string;
  readonly tenant: string;
  active: number;
  failures: number;
  opensAtMs: number;
  readonly waiting: Set<Waiter>;
  isTimed: boolean;
}

export class EndpointSlots {
  readonly #clock: Clock;
  readonly #bounds: SlotBounds;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #ofTenant = new Map<string, number>();
  /** Those with somebody waiting and room of their own, kept waiting by (2). */
  readonly #starved = new Set<Endpoint>();
  #count = 0;

  constructor(clock: Clock, bounds: SlotBounds = slotDefaults) {
    this.#clock = clock;
    this.#bounds = bounds;
  }

  get count(): number {
    return this.#count;
  }

  async enter(tenant: string, url: string, signal: AbortSignal): Promise<Slot> {
    const endpoint = this.#endpointOf(tenant, url);
    if (endpoint.waiting.size > 0 || !this.#mayBegin(endpoint)) await this.#wait(endpoint, signal);
    else this.#begin(endpoint);
    let isOver = false;
    return {
      heard: (isGood) => this.#heard(endpoint, isGood),
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        this.#end(endpoint);
      },
    };
  }

  #endpointOf(tenant: string, url: string): Endpoint {
    const key = `${tenant} ${url}`;
    const known = this.#endpoints.get(key);
    if (known !== undefined) return known;
    const begun: Endpoint = {
      key,
      tenant,
      active: 0,
      failures: 0,
      opensAtMs: 0,
      waiting: new Set(),
      isTimed: false,
    };
    this.#endpoints.set(key, begun);
    return begun;
  }

  /** By what the endpoint itself allows. */
  #isOpen({ active, failures, opensAtMs }: Endpoint): boolean {
    if (failures === 0) return active < this.#bounds.endpointMax;
    return active === 0 && this.#clock.monotonicMs() >= opensAtMs;
  }

  #hasRoom({ tenant }: Endpoint): boolean {
    const ofTenant = this.#ofTenant.get(tenant) ?? 0;
    return this.#count < this.#bounds.processMax && ofTenant < this.#bounds.tenantMax;
  }

  #mayBegin(endpoint: Endpoint): boolean {
    return this.#isOpen(endpoint) && this.#hasRoom(endpoint);
  }

  #begin(endpoint: Endpoint): void {
    endpoint.active += 1;
    this.#count += 1;
    this.#ofTenant.set(endpoint.tenant, (this.#ofTenant.get(endpoint.tenant) ?? 0) + 1);
  }

  #wait(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        endpoint.waiting.delete(waiter);
        reject(abortedFault(signal));
      };
      const waiter: Waiter = {
        resolve: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      endpoint.waiting.add(waiter);
      this.#serve(endpoint);
    });
  }

  /** Lets in whoever may begin, and sees to it that the others are looked at again. */
  #serve(endpoint: Endpoint): void {
    for (const waiter of endpoint.waiting) {
      if (!this.#mayBegin(endpoint)) break;
      endpoint.waiting.delete(waiter);
      this.#begin(endpoint);
      waiter.resolve();
    }
    const isStarved = endpoint.waiting.size > 0 && this.#isOpen(endpoint);
    if (isStarved) this.#starved.add(endpoint);
    else this.#starved.delete(endpoint);
    this.#time(endpoint);
  }

  /** A pause that ends tells nobody. */
  #time(endpoint: Endpoint): void {
    const restMs = endpoint.opensAtMs - this.#clock.monotonicMs();
    const isPaused = endpoint.failures > 0 && endpoint.active === 0 && restMs > 0;
    if (endpoint.isTimed || !isPaused) return this.#forget(endpoint);
    endpoint.isTimed = true;
    this.#clock.schedule(Math.ceil(restMs), () => {
      endpoint.isTimed = false;
      this.#serve(endpoint);
    });
  }

  #heard(endpoint: Endpoint, isGood: boolean): void {
    endpoint.failures = isGood ? 0 : endpoint.failures + 1;
    const pauseMs = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(endpoint.failures - 1, 16));
    endpoint.opensAtMs = isGood ? 0 : this.#clock.monotonicMs() + pauseMs;
  }

  #end(endpoint: Endpoint): void {
    const { tenant } = endpoint;
    endpoint.active -= 1;
    this.#count -= 1;
    const left = (this.#ofTenant.get(tenant) ?? 1) - 1;
    if (left === 0) this.#ofTenant.delete(tenant);
    else this.#ofTenant.set(tenant, left);
    this.#serve(endpoint);
    for (const starved of this.#starved) {
      if (this.#count >= this.#bounds.processMax) return;
      this.#serve(starved);
    }
  }

  /** What nobody uses and what is not paused is as if it were new. */
  #forget(endpoint: Endpoint): void {
    const isIdle = endpoint.active === 0 && endpoint.waiting.size === 0 && !endpoint.isTimed;
    if (isIdle && this.#endpoints.get(endpoint.key) === endpoint) {
      this.#endpoints.delete(endpoint.key);
    }
  }
}
