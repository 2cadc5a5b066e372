// Requests over kept connections, as plain as they get: what is measured is the server.

import { Agent, type IncomingHttpHeaders, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface RequestParts {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly timeoutMs?: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: Infinity });

/** Resolves with whatever was answered; rejects where no answer came. */
export function send(url: string, parts: RequestParts = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body, timeoutMs = 30_000 } = parts;
  // As it is written: a URL would be resolved, and `..` never arrive.
  const [, host = '', port = '', path = ''] = /^http:\/\/([^:/]+):(\d+)(.*)$/.exec(url) ?? [];
  const target = { host, port, path, method, headers, agent, timeout: timeoutMs };
  return new Promise((resolve, reject) => {
    const outgoing = request(target, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(pieces),
        }),
      );
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

export const json = { 'content-type': 'application/json' } as const;

export async function create(url: string, headers: Record<string, string> = json): Promise<void> {
  const { status, body } = await send(url, { method: 'PUT', headers });
  if (status !== 201) throw new Error(`not created. status=${status} ${body.toString()}`);
}

export const textOf = ({ body }: Answer): string => body.toString('utf8');
