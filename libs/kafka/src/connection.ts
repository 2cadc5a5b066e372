// One connection to one broker: kafkajs' own, for its framing, TLS and SASL, with frames of ours.
// What kafkajs 2.2.4 does not do well is met here:
//
// - its sockets leave Nagle's algorithm on: the socket factory turns it off;
// - after the first answer its request queue re-arms a timer of 1 ms for ever (measured: 1,735 timers
//   in 2 s and 3 % of a core a connection, and Node's TimeoutNegativeWarning): the timer is armed only
//   while something waits;
// - its time-outs are looked for every 100 ms on every connection: each request has its own;
// - it does not tell whether a lost request was written: RequestLost does;
// - it takes every failure during a login for a refused one: only what came by an open connection is one;
// - it renews a login 10 s before its end, so a shorter one before every request, and brokers refuse the
//   second within a second: a short login is renewed at four fifths of its life.

import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { type Clock, Fault } from '@tidemark/ports';
import { faultReasonOf } from './errors.ts';
import {
  type Call,
  callOf,
  KafkajsConnection,
  type KafkajsLogger,
  type SocketOrder,
} from './kafkajs-internals.ts';
import type { ResolvedSettings } from './settings.ts';
import type { FrameWriter } from './wire.ts';

const keepAliveMs = 30_000;
const saslAuthenticateKey = 36;
const renewalLeadMsMax = 10_000;

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** A request that has no answer. Not written means that the broker never saw a byte of it. */
export class RequestLost extends Error {
  override readonly name = 'RequestLost';
  readonly isWritten: boolean;

  constructor(message: string, isWritten: boolean, cause?: unknown) {
    super(message, { cause });
    this.isWritten = isWritten;
  }
}

const silent: KafkajsLogger = {
  namespace: () => silent,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

interface VersionRange {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export class BrokerConnection {
  readonly address: BrokerAddress;
  /** Of all connections of this client, never the same twice. */
  readonly serial: number;
  readonly #clock: Clock;
  readonly #kafkajs: KafkajsConnection;
  #isClosed = false;

  private constructor(
    components: { readonly clock: Clock; readonly serial: number },
    address: BrokerAddress,
    settings: ResolvedSettings,
  ) {
    this.#clock = components.clock;
    this.serial = components.serial;
    this.address = address;
    this.#kafkajs = new KafkajsConnection({
      ...address,
      clientId: settings.clientId,
      logger: silent,
      socketFactory: (order) => this.#openSocket(order),
      ssl: tlsOptions(settings),
      sasl: saslOptions(settings),
      requestTimeout: settings.requestTimeoutMs,
      connectionTimeout: settings.connectTimeoutMs,
      enforceRequestTimeout: false,
    });
    const queue = this.#kafkajs.requestQueue;
    const armTimer = queue.scheduleCheckPendingRequests.bind(queue);
    queue.scheduleCheckPendingRequests = () => {
      if (queue.pending.length > 0) armTimer();
    };
  }

  /** Connected, authenticated, and known to speak the versions of ours. */
  static async open(
    components: { readonly clock: Clock; readonly serial: number },
    address: BrokerAddress,
    settings: ResolvedSettings,
  ): Promise<BrokerConnection> {
    const connection = new BrokerConnection(components, address, settings);
    const timer = components.clock.schedule(settings.connectTimeoutMs, () => connection.close());
    try {
      await connection.#kafkajs.connect();
      await connection.#greet();
      return connection;
    } catch (cause) {
      const fault = connection.#openFault(cause);
      connection.close();
      throw fault;
    } finally {
      timer.cancel();
    }
  }

  get isOpen(): boolean {
    return !this.#isClosed && this.#kafkajs.isConnected();
  }

  async #greet(): Promise<void> {
    const answer = (await this.#kafkajs.send(callOf('ApiVersions', 2))) as {
      readonly apiVersions: readonly VersionRange[];
    };
    const versions = Object.fromEntries(answer.apiVersions.map((range) => [range.apiKey, range]));
    this.#kafkajs.setVersions(versions);
    this.#kafkajs.setSupportAuthenticationProtocol(versions[saslAuthenticateKey] !== undefined);
    await this.#kafkajs.authenticate();
    const lifetimeMs = this.#kafkajs.sessionLifetime.toNumber();
    this.#kafkajs.reauthenticationThreshold = Math.min(renewalLeadMsMax, lifetimeMs / 5);
  }

  #openFault(cause: unknown): Fault {
    const why = this.#refusalOf(cause);
    return new Fault(
      why === undefined ? 'unavailable' : 'denied',
      `${why ?? 'broker cannot be reached'}. at=${this.address.host}:${this.address.port}`,
      { effect: 'none', cause },
    );
  }

  #refusalOf(cause: unknown): string | undefined {
    const { socket } = this.#kafkajs;
    if (socket instanceof TLSSocket && isRejected(socket)) return 'certificate is not trusted';
    if (!this.isOpen) return undefined;
    const { name, code } = cause as { readonly name?: string; readonly code?: number };
    const isRefused =
      name === 'KafkaJSSASLAuthenticationError' ||
      (code !== undefined && faultReasonOf(code) === 'denied');
    return isRefused ? 'broker refuses the login' : undefined;
  }

  #openSocket({ host, port, ssl, onConnect }: SocketOrder): Socket {
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
      : connectTcp({ host, port }, onConnect);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    socket.once('close', () => this.close());
    return socket;
  }

  /**
   * The answer's body, or RequestLost. A request that is not answered in time takes its connection
   * with it: what comes later would be taken for another's answer.
   */
  async request(frame: FrameWriter, timeoutMs: number): Promise<Buffer> {
    if (!this.isOpen) throw new RequestLost('connection is closed', false);
    const timer = this.#clock.schedule(timeoutMs, () => this.close('no answer in time'));
    try {
      // Where the broker limits the life of a login, kafkajs renews it here.
      if (!this.#kafkajs.isAuthenticated()) await this.#login();
      return await this.#exchange(frame);
    } finally {
      timer.cancel();
    }
  }

  async #login(): Promise<void> {
    try {
      await this.#kafkajs.authenticate();
    } catch (cause) {
      this.close('login was not renewed');
      throw new RequestLost('login was not renewed', false, cause);
    }
  }

  #exchange(frame: FrameWriter): Promise<Buffer> {
    const { key, version, name } = frame.api;
    const correlationId = this.#kafkajs.nextCorrelationId();
    const bytes = frame.finish(correlationId);
    let isWritten = false;
    return new Promise((resolve, reject) => {
      const lose = (cause: Error): void =>
        reject(new RequestLost(`${name} has no answer`, isWritten, cause));
      const { socket } = this.#kafkajs;
      if (!this.isOpen || socket === undefined) return lose(new Error('connection is closed'));
      this.#kafkajs.requestQueue.push({
        entry: {
          apiKey: key,
          apiVersion: version,
          apiName: name,
          correlationId,
          resolve: ({ payload }) => resolve(payload),
          reject: lose,
        },
        expectResponse: true,
        requestTimeout: null,
        sendRequest: () => {
          isWritten = true;
          socket.write(bytes);
        },
      });
    });
  }

  /** A request that kafkajs encodes and decodes; for what is not done often. */
  async call<T>(call: Call<T>, timeoutMs: number): Promise<T> {
    if (!this.isOpen) throw new RequestLost('connection is closed', false);
    const timer = this.#clock.schedule(timeoutMs, () => this.close('no answer in time'));
    try {
      // Error codes are for the caller to read: kafkajs' `parse` throws the first and hides the rest.
      const { request, response } = call;
      return await this.#kafkajs.send({
        request,
        response: {
          decode: (payload) => response.decode(payload),
          parse: (decoded) => Promise.resolve(decoded),
        },
      });
    } catch (cause) {
      throw new RequestLost('call has no answer', true, cause);
    } finally {
      timer.cancel();
    }
  }

  close(reason = 'connection closed'): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#kafkajs.requestQueue.rejectAll(new Error(reason));
    void this.#kafkajs.disconnect().catch(() => undefined);
    this.#kafkajs.socket?.destroy();
  }
}

/** Before and without a verdict it is null, whatever its declaration says. */
const isRejected = ({ authorizationError }: { readonly authorizationError: unknown }): boolean =>
  authorizationError !== null && authorizationError !== undefined;

function tlsOptions({ tls }: ResolvedSettings): object | null {
  if (tls === undefined) return null;
  const { ca, cert, key } = tls;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key: key.reveal() }),
  };
}

function saslOptions({ sasl }: ResolvedSettings): object | null {
  if (sasl === undefined) return null;
  const { mechanism, username, password } = sasl;
  return { mechanism, username, password: password.reveal() };
}
