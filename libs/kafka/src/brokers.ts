import { type Clock, Fault, type Logger } from '@tidemark/ports';
import { type BrokerAddress, BrokerConnection } from './connection.ts';
import type { KafkaComponents, ResolvedSettings } from './settings.ts';

/** The brokers' addresses and the connections to them, one for each purpose, opened when asked for. */
export class Brokers implements AsyncDisposable {
  readonly settings: ResolvedSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #bootstrap: readonly BrokerAddress[];
  #addresses: ReadonlyMap<number, BrokerAddress> = new Map();
  readonly #connections = new Map<string, Promise<BrokerConnection>>();
  #serial = 0;
  #nextControl: number;
  #isClosed = false;

  constructor({ clock, logger, prng }: KafkaComponents, settings: ResolvedSettings) {
    this.#clock = clock;
    this.#logger = logger;
    this.settings = settings;
    this.#bootstrap = settings.brokers.map(parseAddress);
    // Processes that start together do not all ask one broker.
    this.#nextControl = prng.below(Math.max(1, this.#bootstrap.length));
  }

  /** Those that are known. */
  get ids(): readonly number[] {
    return [...this.#addresses.keys()];
  }

  learn(addresses: ReadonlyMap<number, BrokerAddress>): void {
    if (addresses.size > 0) this.#addresses = addresses;
  }

  /** A Fault, `unavailable` or `denied`, where it cannot be had. */
  to(brokerId: number, purpose: string): Promise<BrokerConnection> {
    const address = this.#addresses.get(brokerId);
    if (address === undefined) {
      return Promise.reject(
        new Fault('unavailable', `broker is not known. brokerId=${brokerId}`, { effect: 'none' }),
      );
    }
    return this.#connection(`${brokerId}/${purpose}`, address);
  }

  /** To whichever broker answered last; another one after `tryAnother`. */
  control(): Promise<BrokerConnection> {
    const candidates = [...this.#addresses.values(), ...this.#bootstrap];
    const address = candidates[this.#nextControl % candidates.length];
    if (address === undefined) {
      return Promise.reject(new Fault('unavailable', 'no broker is known', { effect: 'none' }));
    }
    return this.#connection(`control/${address.host}:${address.port}`, address);
  }

  tryAnother(): void {
    this.#nextControl += 1;
  }

  async #connection(name: string, address: BrokerAddress): Promise<BrokerConnection> {
    for (;;) {
      if (this.#isClosed) throw new Fault('unavailable', 'log is closed', { effect: 'none' });
      const known = this.#connections.get(name);
      if (known === undefined) break;
      const connection = await known;
      if (connection.isOpen && isSame(connection.address, address)) return connection;
      // Others may have seen the same and opened the next one by now.
      if (this.#connections.get(name) === known) {
        connection.close();
        this.#connections.delete(name);
      }
    }
    this.#serial += 1;
    const components = { clock: this.#clock, serial: this.#serial };
    const opening = BrokerConnection.open(components, address, this.settings);
    this.#connections.set(name, opening);
    try {
      const connection = await opening;
      this.#logger.debug({ connection: name, serial: connection.serial }, 'broker connected');
      if (this.#isClosed) connection.close();
      return connection;
    } catch (cause) {
      if (this.#connections.get(name) === opening) this.#connections.delete(name);
      throw cause;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const opening of this.#connections.values()) {
      const connection = await opening.catch(() => undefined);
      connection?.close();
    }
  }
}

const isSame = (one: BrokerAddress, other: BrokerAddress): boolean =>
  one.host === other.host && one.port === other.port;

function parseAddress(text: string): BrokerAddress {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Fault('missing', `broker is not host:port. broker=${text}`, { effect: 'none' });
  }
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port };
}
