// What this package uses of the inside of kafkajs, whose version is pinned in package.json. It has no
// types of its own for this; those here say as much as is used.

import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

export interface KafkajsLogger {
  namespace(name: string): KafkajsLogger;
  debug(message: string, extra?: object): void;
  info(message: string, extra?: object): void;
  warn(message: string, extra?: object): void;
  error(message: string, extra?: object): void;
}

export interface SocketOrder {
  readonly host: string;
  readonly port: number;
  readonly ssl: object | null;
  readonly onConnect: () => void;
}

interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  readonly logger: KafkajsLogger;
  readonly socketFactory: (order: SocketOrder) => Socket;
  readonly ssl: object | null;
  readonly sasl: object | null;
  readonly requestTimeout: number;
  readonly connectionTimeout: number;
  readonly enforceRequestTimeout: boolean;
}

interface RequestEntry {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  readonly correlationId: number;
  readonly resolve: (response: { readonly payload: Buffer }) => void;
  readonly reject: (cause: Error) => void;
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
  rejectAll(cause: Error): void;
  push(request: {
    readonly entry: RequestEntry;
    readonly expectResponse: boolean;
    readonly requestTimeout: null;
    readonly sendRequest: () => void;
  }): void;
}

/** A request with the way to read its answer. */
export interface Call<T> {
  readonly request: object;
  readonly response: { decode(payload: Buffer): Promise<T>; parse(decoded: T): Promise<T> };
}

export interface KafkajsConnection {
  readonly socket: Socket | undefined;
  readonly requestQueue: RequestQueue;
  /** How many milliseconds a login lives; 0 is for ever. */
  readonly sessionLifetime: { toNumber(): number };
  /** How many milliseconds before its end a login is renewed. */
  reauthenticationThreshold: number;
  connect(): Promise<true>;
  disconnect(): Promise<true>;
  authenticate(): Promise<void>;
  isConnected(): boolean;
  isAuthenticated(): boolean;
  setVersions(versions: object): void;
  setSupportAuthenticationProtocol(isSupported: boolean): void;
  nextCorrelationId(): number;
  send<T>(call: Call<T>): Promise<T>;
}

interface RequestsDoor {
  readonly requests: Readonly<
    Record<
      string,
      | { protocol(choice: { readonly version: number }): (args?: object) => Call<unknown> }
      | undefined
    >
  >;
}

interface AssignerDoor {
  readonly MemberMetadata: {
    encode(metadata: {
      readonly version: number;
      readonly topics: readonly string[];
      readonly userData: Buffer;
    }): Buffer;
    decode(bytes: Buffer): { readonly topics: readonly string[]; readonly userData: Buffer };
  };
  readonly MemberAssignment: {
    encode(assignment: {
      readonly version: number;
      readonly assignment: Readonly<Record<string, readonly number[]>>;
    }): Buffer;
    decode(
      bytes: Buffer,
    ): { readonly assignment: Readonly<Record<string, readonly number[]>> } | null;
  };
}

const require = createRequire(import.meta.url);

export const KafkajsConnection = require('kafkajs/src/network/connection.js') as new (
  options: ConnectionOptions,
) => KafkajsConnection;

const requestsDoor = require('kafkajs/src/protocol/requests/index.js') as RequestsDoor;

const assignerDoor = require('kafkajs/src/consumer/assignerProtocol.js') as AssignerDoor;

export const { MemberMetadata, MemberAssignment } = assignerDoor;

/** A request of kafkajs' own, by name and version. */
export function callOf(name: string, version: number, args?: object): Call<unknown> {
  const definition = requestsDoor.requests[name];
  if (definition === undefined) throw new Error(`kafkajs has no such request. name=${name}`);
  return definition.protocol({ version })(args);
}
