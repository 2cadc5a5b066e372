// Planted bugs of the live socket.

import { Channels } from '@tidemark/read/live/channels';
import { LiveConnection } from '@tidemark/read/live/live-connection';
import { StreamView } from '@tidemark/read/stream-view';
import type { Mutant } from './mutant.ts';
import type { Plan } from './plan.ts';
import { replace } from './plant.ts';

const plan: Partial<Plan> = { disaster: 'none', hasOldRelease: false, hasSockets: true };

export const liveMutants: readonly Mutant[] = [
  {
    name: 'credit-not-honoured',
    breaks: 'a subscription is sent no more than it has credit for',
    plan,
    tells: 'no credit for',
    plant: () =>
      replace(
        LiveConnection.prototype,
        'message',
        (original) =>
          function message(this: LiveConnection, text) {
            original.call(this, text.replace(/"credit":\d+/, '"credit":1000000'));
          },
      ),
  },
  {
    name: 'channel-of-another-filter',
    breaks: 'a channel is that of one incarnation and one filter',
    plan,
    plant: () =>
      replace(
        Channels.prototype,
        'hold',
        (original) =>
          function hold(this: Channels, followed) {
            return original.call(this, { ...followed, types: [] });
          },
      ),
  },
  {
    name: 'cursor-of-another-session',
    breaks: 'a cursor is good in the session that gave it',
    plan: { ...plan, names: 8 },
    plant: () =>
      replace(
        StreamView.prototype,
        'positionOf',
        (original) =>
          function positionOf(this: StreamView, start) {
            if (start.kind !== 'cursor' || start.offset === '-1') return original.call(this, start);
            const seq = Number(start.offset.split('_')[0]);
            return original.call(this, { kind: 'seq', seq });
          },
      ),
  },
];
