// Planted bugs of those who follow.

import { type FoldedSession, Followers, ShardReplica, SharedPieces } from '@tidemark/replica';
import { FollowCursor } from '@tidemark/replica/testing';
import type { Mutant } from './mutant.ts';
import type { Plan } from './plan.ts';
import { both, replace, replaceGetter, type Undo } from './plant.ts';

/** Sessions that are deleted and made again under those who follow them. */
const plan: Partial<Plan> = {
  disaster: 'none',
  hasOldRelease: false,
  names: 2,
  isFollowed: true,
};

/** Takes whatever lives under the name of a session for what is followed. */
function ignoreIncarnations(followed: WeakMap<FollowCursor, FoldedSession>): Undo {
  return replaceGetter(FollowCursor.prototype, 'stream', function stream() {
    const { life, stream: found } = followed.get(this)?.state ?? {};
    const isLonger = (found?.tailPosition ?? 0) >= this.position;
    return life === 'live' && isLonger ? found : undefined;
  });
}

/** Tells only some cursors. */
const tellWhere = (isTold: (cursor: FollowCursor) => boolean): Undo =>
  replace(
    FollowCursor.prototype,
    'tell',
    (original) =>
      function tell(this: FollowCursor) {
        if (isTold(this)) original.call(this);
      },
  );

export const followMutants: readonly Mutant[] = [
  {
    name: 'frame-of-another-incarnation',
    breaks: 'frames are shared by those who stand at one place of one incarnation',
    plan,
    plant: () =>
      both(
        replace(
          SharedPieces.prototype,
          'keyOf',
          () =>
            function keyOf(this: SharedPieces<unknown>, { position }) {
              return String(position);
            },
        ),
        replace(
          FollowCursor.prototype,
          'take',
          (original) =>
            function take(this: FollowCursor, piece) {
              original.call(this, { ...piece, incarnation: this.incarnation });
            },
        ),
      ),
  },
  {
    name: 'follower-led-into-another-life',
    seed: 10,
    breaks: 'whoever follows a session that was deleted follows no other of its name',
    plan,
    plant: () => {
      const followed = new WeakMap<FollowCursor, FoldedSession>();
      const undoFollow = replace(
        Followers.prototype,
        'follow',
        (original) =>
          function follow(this: Followers, place, onMoved) {
            const cursor = original.call(this, place, onMoved);
            followed.set(cursor, place.session);
            return cursor;
          },
      );
      return both(undoFollow, ignoreIncarnations(followed));
    },
  },
  {
    name: 'gone-not-told',
    seed: 10,
    breaks: 'whoever follows a session is told that it is gone',
    plan,
    plant: () => tellWhere(({ standing }) => standing !== 'gone'),
  },
  {
    name: 'stopped-not-told',
    breaks: 'whoever follows a session is told that its shard has stopped',
    plan: { ...plan, disaster: 'foreign-epoch', subscriptions: 0 },
    plant: () => tellWhere(({ standing }) => standing !== 'stopped'),
  },
  {
    name: 'step-not-told',
    breaks: 'followers are told of every step, those behind the one being told included',
    plan,
    plant: () => tellWhere(({ position }) => position % 5 !== 3),
  },
  {
    name: 'catch-up-meets-live-with-a-gap',
    breaks: 'what is taken continues what was taken before',
    plan: { ...plan, memoryBytesMax: 1_024, readMsMax: 60 },
    plant: () =>
      replace(
        FollowCursor.prototype,
        'fetch',
        (original) =>
          async function fetch(this: FollowCursor, bounds) {
            const before = this.stream?.tailPosition;
            const piece = await original.call(this, bounds);
            const { tailPosition = 0, tailSeq = 0 } = this.stream ?? {};
            if (piece === undefined || tailPosition === before) return piece;
            return { ...piece, endPosition: tailPosition, endSeq: tailSeq };
          },
      ),
  },
  {
    name: 'followed-evicted',
    breaks: 'a session is held while somebody follows it',
    plan: { ...plan, memoryBytesMax: 1_024, publishEveryMs: 20, names: 8, tiering: undefined },
    plant: () =>
      replace(
        ShardReplica.prototype,
        'follow',
        (original) =>
          function follow(this: ShardReplica, session, onStep) {
            const unfollow = original.call(this, session, onStep);
            this.letGo(session);
            return () => {
              if (!session.isResident) return;
              this.fold.table.pin(session);
              unfollow();
            };
          },
      ),
  },
];
