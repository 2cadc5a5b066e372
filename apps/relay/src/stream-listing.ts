import { startCursor } from '@tidemark/protocol';
import {
  ackedPosition,
  cursorAt,
  type LiveSubscription,
  type SubscriptionConfig,
  type WakeState,
} from '@tidemark/session';
import { type FollowedSubscription, wakeStreamsMax } from './followed-subscription.ts';
import { beginningOf, type StreamsNow, type TenantStreams } from './tenant-streams.ts';

export interface LinkListing {
  readonly path: string;
  readonly link_type: 'explicit' | 'glob';
  readonly acked_offset: string;
}

export interface StreamListing extends LinkListing {
  readonly tail_offset: string;
  readonly has_pending: boolean;
}

const linkType = (state: LiveSubscription, path: string): LinkListing['link_type'] =>
  state.links.get(path)?.isExplicit === true ? 'explicit' : 'glob';

/** Every link, with how far it is acknowledged. */
export function listLinks(
  state: LiveSubscription,
  streams: TenantStreams,
  discovered: ReadonlySet<string>,
): Promise<LinkListing[]> {
  return streams.with([...state.links.keys(), ...discovered], (now) =>
    linksNow(state, now, discovered),
  );
}

function linksNow(
  state: LiveSubscription,
  streams: StreamsNow,
  discovered: ReadonlySet<string>,
): LinkListing[] {
  const paths = new Set(state.links.keys());
  for (const path of discovered) {
    if (streams.pending(state, path) !== undefined) paths.add(path);
  }
  return [...paths].map((path) => {
    const stream = streams.stream(path);
    const acked_offset =
      stream === undefined
        ? startCursor
        : cursorAt(stream, ackedPosition(state, { path, ...stream }) ?? beginningOf(stream));
    return { path, link_type: linkType(state, path), acked_offset };
  });
}

/** What a worker is told of its wake: first what is pending, then the other links there is room for. */
export function listWake(
  { streams }: FollowedSubscription,
  state: LiveSubscription,
  wake: WakeState,
): Promise<StreamListing[]> {
  const named = wake.streams.map(({ path }) => path);
  return streams.with([...named, ...state.links.keys()], (now) => wakeNow(state, now, wake));
}

function wakeNow(state: LiveSubscription, streams: StreamsNow, wake: WakeState): StreamListing[] {
  const listed = wake.streams.flatMap(({ path, incarnation, acked, tail }): StreamListing[] => {
    const stream = streams.stream(path);
    if (stream?.incarnation !== incarnation) return [];
    return [
      {
        path,
        link_type: linkType(state, path),
        acked_offset: cursorAt(stream, acked),
        tail_offset: cursorAt(stream, tail),
        has_pending: true,
      },
    ];
  });
  const named = new Set(wake.streams.map(({ path }) => path));
  for (const path of state.links.keys()) {
    if (listed.length >= wakeStreamsMax) break;
    const stream = named.has(path) ? undefined : streams.stream(path);
    if (stream === undefined) continue;
    const position = ackedPosition(state, { path, ...stream }) ?? beginningOf(stream);
    const acked_offset = cursorAt(stream, position);
    const link_type = linkType(state, path);
    listed.push({ path, link_type, acked_offset, tail_offset: acked_offset, has_pending: false });
  }
  return listed;
}

export const controlUrl = (
  { baseUrl }: Pick<SubscriptionConfig, 'baseUrl'>,
  rest: string,
): string => `${baseUrl}/v1/stream/__ds/${rest}`;
