// What this package uses of the inside of kafkajs, whose version is pinned in package.json.

declare module 'kafkajs/src/network/connection.js' {
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

  export interface ConnectionOptions {
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

  export interface RequestEntry {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    readonly correlationId: number;
    readonly resolve: (response: { readonly payload: Buffer }) => void;
    readonly reject: (cause: Error) => void;
  }

  export interface RequestQueue {
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

  export interface Call<T> {
    readonly request: object;
    readonly response: { decode(payload: Buffer): Promise<T>; parse(decoded: T): Promise<T> };
  }

  class Connection {
    constructor(options: ConnectionOptions);
    readonly socket: Socket | undefined;
    readonly requestQueue: RequestQueue;
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
  export default Connection;
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  import type { Call } from 'kafkajs/src/network/connection.js';

  interface Definition {
    protocol(choice: { readonly version: number }): (args?: object) => Call<unknown>;
  }
  const door: { readonly requests: Readonly<Record<string, Definition | undefined>> };
  export default door;
}

declare module 'kafkajs/src/consumer/assignerProtocol.js' {
  const door: {
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
      decode(bytes: Buffer): {
        readonly assignment: Readonly<Record<string, readonly number[]>>;
      } | null;
    };
  };
  export default door;
}

declare module 'kafkajs/src/protocol/decoder.js' {
  class Decoder {
    constructor(bytes: Buffer);
  }
  export default Decoder;
}

declare module 'kafkajs/src/protocol/recordBatch/v0/decoder.js' {
  import type Decoder from 'kafkajs/src/protocol/decoder.js';

  export default function decodeBatch(decoder: Decoder): Promise<{
    readonly records: readonly {
      readonly offset: string;
      readonly value: Buffer;
      readonly headers: Readonly<Record<string, Buffer | undefined>>;
    }[];
  }>;
}
