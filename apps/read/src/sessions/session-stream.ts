// A session followed by server-sent events: one frame an event, named so that every client version takes
// it, with the cursor behind it to resume from.

import { chunkOf, envelopeOf } from '@tidemark/edge';
import { jsonTypeOf } from '@tidemark/protocol';
import type { FoldedSession, FollowCursor } from '@tidemark/replica';
import { cursorAt } from '@tidemark/session';
import { frameNameOf, isFields } from '@tidemark/sessions-api';
import { type Audience, audienceOf, tellerOf, variantOf } from '../audience.ts';
import { type FrameMaker, SharedFrames } from '../shared-frames.ts';
import { type SseVoice, sseHeaders } from '../sse-connection.ts';
import { textParts } from '../sse-frame.ts';
import type { Preview, Previews } from './previews.ts';

const heartbeat = chunkOf(Buffer.from('event: ping\ndata: {"type":"ping"}\n\n'));
const opening = Buffer.from(': open\n\n');
const newline = Buffer.from('\n');

const sessionFrame: FrameMaker = function* (stream, piece, { variant }) {
  const { types, share } = audienceOf(variant);
  const wanted = types.length === 0 ? undefined : new Set(types);
  const tell = tellerOf(share);
  let seq = piece.position;
  // So that a frame of which nothing is wanted is one all the same.
  if (wanted !== undefined) yield Buffer.from(':\n\n');
  for (const body of piece.split()) {
    const told = tell(stream, seq, body);
    const type = jsonTypeOf(told);
    seq += 1;
    if (wanted !== undefined && !wanted.has(type ?? '')) continue;
    yield Buffer.from(`event: ${frameNameOf(type)}\nid: ${cursorAt(stream, seq)}\n`);
    yield* textParts([told]);
    yield newline;
  }
};

export type SessionFrames = SharedFrames;

export const createSessionFrames = (): SessionFrames => new SharedFrames(sessionFrame);

export interface VoiceOptions extends Audience {
  /** Of which types previews are wanted. */
  readonly deltas: readonly string[];
  readonly nowText: () => string;
}

/** As many as wait for their follower. */
const previewsMax = 64;
const startedMax = 64;

export class SessionVoice implements SseVoice {
  readonly headers = sseHeaders;
  readonly lifetimeMs = undefined;
  readonly heartbeat = heartbeat;
  readonly #frames: SessionFrames;
  readonly #options: VoiceOptions;
  readonly #variant: string;
  #waiting: Preview[] = [];
  /** Events that were announced here, and have not come yet. */
  readonly #started = new Set<string>();
  #unlisten: (() => void) | undefined;
  #isOver = false;
  /** Called when there is something to tell. */
  onAside: () => void = () => undefined;

  constructor(frames: SessionFrames, options: VoiceOptions) {
    this.#frames = frames;
    this.#options = options;
    this.#variant = variantOf(options);
  }

  listen(previews: Previews, session: FoldedSession): void {
    // A preview is what an event says, and stands where no share may reach.
    const { deltas, share } = this.#options;
    if (this.#isOver || deltas.length === 0 || share !== undefined) return;
    this.#unlisten = previews.listen(session, (preview) => {
      if (this.#waiting.length < previewsMax) this.#waiting.push(preview);
      setImmediate(() => this.onAside());
    });
  }

  end(): void {
    this.#isOver = true;
    this.#unlisten?.();
    this.#waiting = [];
  }

  opening(): Uint8Array {
    return opening;
  }

  hot(cursor: FollowCursor): ReturnType<SharedFrames['hot']> {
    return this.#frames.hot(cursor, this.#variant);
  }

  fetch(cursor: FollowCursor): ReturnType<SharedFrames['fetch']> {
    return this.#frames.fetch(cursor, this.#variant);
  }

  /** Previews that were said where the cursor stands; those of places that it has passed are dropped. */
  aside({ position }: FollowCursor): Uint8Array | undefined {
    if (this.#waiting.length === 0) return undefined;
    const here = this.#waiting.filter(({ atSeq }) => atSeq === position);
    this.#waiting = this.#waiting.filter(({ atSeq }) => atSeq > position);
    const frames = here.flatMap((preview) => preview.frames.filter((frame) => this.#takes(frame)));
    if (frames.length === 0) return undefined;
    return Buffer.from(
      frames.map((frame) => `event: message\ndata: ${JSON.stringify(frame)}\n\n`).join(''),
    );
  }

  #takes(frame: unknown): boolean {
    if (!isFields(frame)) return false;
    if (frame['type'] === 'event_delta') return this.#started.has(String(frame['event_id']));
    const event = frame['event'];
    if (frame['type'] !== 'event_start' || !isFields(event)) return false;
    const id = String(event['id']);
    const isWanted = this.#options.deltas.includes(String(event['type']));
    if (!isWanted || this.#started.has(id)) return false;
    if (this.#started.size >= startedMax) this.#started.clear();
    this.#started.add(id);
    return true;
  }

  ending(
    cursor: FollowCursor,
    { standing }: { readonly standing: 'closed' | 'gone' },
  ): Uint8Array | undefined {
    if (standing === 'closed') return undefined;
    const event = {
      id: `sevt_deleted_${cursor.incarnation}`,
      processed_at: this.#options.nowText(),
      type: 'session.deleted',
    };
    return Buffer.from(`event: session.deleted\ndata: ${JSON.stringify(event)}\n\n`);
  }

  failure(problem: Parameters<SseVoice['failure']>[0]): Uint8Array {
    return Buffer.from(`event: error\ndata: ${JSON.stringify(envelopeOf(problem, ''))}\n\n`);
  }
}
