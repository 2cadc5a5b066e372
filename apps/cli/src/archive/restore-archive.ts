// An archive as a session again: its events to the byte, each at its seq, what it was made with and its facts. One that
// was begun and not finished is gone on with; a session of that name that is another is left as it is.

import { createReadStream } from 'node:fs';
import { isProblem, type SessionsClient, sessionPath, streamPath } from '@tidemark/sessions-client';
import { equalBytes } from '@tidemark/std';
import { byteLines } from '../byte-lines.ts';
import { rawEvents, type StreamHead, streamHead } from './raw-events.ts';
import { type ArchivePart, archiveLineOf, EventDigest } from './session-archive.ts';

export interface Restored {
  readonly events: number;
  /** That were not there already. */
  readonly appended: number;
}

const batchBytesMax = 1_024 * 1_024;
const batchEventsMax = 500;

export async function restoreArchive(
  client: SessionsClient,
  { file, session }: { readonly file: string; readonly session: string },
): Promise<Restored> {
  const digest = new EventDigest();
  let part: RestoredPart | undefined;
  let appended = 0;
  for await (const bytes of byteLines(createReadStream(file))) {
    const line = archiveLineOf(bytes.toString('utf8', 0, bytes.length - 1));
    if (line.kind === 'event') {
      digest.add(line.body);
      if (part === undefined) throw new Error('the archive begins with an event');
      appended += await part.add(line.seq, line.body);
      continue;
    }
    appended += (await part?.end()) ?? 0;
    if (line.kind === 'part') {
      part = await RestoredPart.begin(client, {
        name: `${session}${line.part.part}`,
        part: line.part,
      });
      continue;
    }
    const { events, sha256 } = digest.end();
    if (events === line.end.events && sha256 === line.end.sha256) return { events, appended };
    throw new Error('the archive is not as it was written');
  }
  throw new Error('the archive was cut off');
}

interface Target {
  readonly name: string;
  readonly part: ArchivePart;
}

class RestoredPart {
  readonly #client: SessionsClient;
  readonly #target: Target;
  readonly #head: StreamHead;
  /** What the session has already: an earlier restore, or another session. */
  readonly #known: AsyncIterator<Uint8Array>;
  #isBehindKnown = false;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #nextSeq = 0;

  private constructor(client: SessionsClient, target: Target, head: StreamHead) {
    this.#client = client;
    this.#target = target;
    this.#head = head;
    this.#known = rawEvents(client, target.name, head);
  }

  static async begin(client: SessionsClient, target: Target): Promise<RestoredPart> {
    const { name, part } = target;
    if ((await streamHead(client, name)) === undefined) await make(client, target);
    const head = await streamHead(client, name);
    if (head === undefined) throw new Error(`${name} is gone again`);
    if (head.contentType !== part.content_type) throw another(name);
    return new RestoredPart(client, target, head);
  }

  /** Answers how many were appended by it. */
  async add(seq: number, body: Uint8Array): Promise<number> {
    if (seq !== this.#nextSeq) throw new Error('the archive has a gap');
    this.#nextSeq += 1;
    if (!this.#isBehindKnown) {
      const known = await this.#known.next();
      this.#isBehindKnown = known.done === true;
      if (known.done !== true && !equalBytes(known.value, body)) throw another(this.#target.name);
      if (known.done !== true) return 0;
    }
    this.#pending.push(body);
    this.#pendingBytes += body.length;
    const countMax = this.#head.isJson ? batchEventsMax : 1;
    const isFull = this.#pending.length >= countMax || this.#pendingBytes >= batchBytesMax;
    return isFull ? this.#flush() : 0;
  }

  async #flush(): Promise<number> {
    const { length } = this.#pending;
    if (length === 0) return 0;
    const { name, part } = this.#target;
    const texts = this.#pending.map((body) => Buffer.from(body).toString());
    const body = this.#head.isJson ? `[${texts.join(',')}]` : Buffer.concat(this.#pending);
    const first = this.#nextSeq - length;
    const headers = {
      'content-type': part.content_type,
      'stream-match-seq': String(first),
      // A repeat whose answer was lost is answered as the first was.
      'idempotency-key': `restored-${first}`,
    };
    [this.#pending, this.#pendingBytes] = [[], 0];
    try {
      await this.#client.ask(streamPath(name), { method: 'POST', headers, body });
    } catch (cause) {
      if (isProblem(cause) && cause.status === 412) throw another(this.#target.name);
      throw cause;
    }
    return length;
  }

  async end(): Promise<number> {
    const appended = await this.#flush();
    if (!this.#isBehindKnown && (await this.#known.next()).done !== true)
      throw another(this.#target.name);
    const { name, part } = this.#target;
    const path = sessionPath({ session: name });
    // It was archived last: all of it is there.
    if ((await this.#client.json(path))['archived_at'] !== null) return appended;
    for (const { key, value } of part.facts) {
      const fact = `${path}/facts/${encodeURIComponent(key)}`;
      await this.#client.json(fact, { method: 'PUT', body: JSON.stringify(value) });
    }
    if (part.is_closed && !this.#head.isClosed) {
      const headers = { 'stream-closed': 'true' };
      await this.#client.ask(streamPath(name), { method: 'POST', headers });
    }
    if (part.archived) await this.#client.json(`${path}/archive`, { method: 'POST' });
    return appended;
  }
}

const another = (name: string): Error => new Error(`${name} is there, and is another session`);

async function make(client: SessionsClient, { name, part }: Target): Promise<void> {
  const isSession = part.profile !== null && part.content_type === 'application/json';
  await (isSession
    ? client.json(sessionPath({ session: name }), { method: 'PUT', body: part.profile })
    : client.ask(streamPath(name), {
        method: 'PUT',
        headers: { 'content-type': part.content_type },
      }));
}
