/** Outgoing HTTP with its name resolution, so that a simulation owns both. */
export interface OutboundRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
  readonly responseBytesMax: number;
  /** Says of each address that the name resolved to whether it may be spoken to. */
  readonly permits: (address: string) => boolean;
}

export interface OutboundResponse {
  readonly status: number;
  readonly body: Uint8Array;
}

export interface Outbound {
  /** Connects to a permitted address only, follows no redirect. Throws a Fault. */
  post(request: OutboundRequest, signal: AbortSignal): Promise<OutboundResponse>;
}
