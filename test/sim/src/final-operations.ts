import type { Incarnation } from './incarnation.ts';
import type { Named } from './names.ts';
import { type Answered, failed, head, locate, read } from './operate.ts';
import type { World } from './world.ts';

export interface Operations {
  readonly head: (process: Incarnation, named: Named) => Promise<void>;
  readonly read: (process: Incarnation, named: Named) => Promise<void>;
  /** Whether a command that no client sees is carried out. */
  readonly touch: (process: Incarnation, named: Named) => Promise<boolean>;
}

/** What is asked at the end, of everybody. */
export function finalOperations(world: World): Operations {
  const ask = async (
    process: Incarnation,
    named: Named,
    { type, run }: { type: 'head' | 'read'; run: () => Promise<Answered> },
  ): Promise<void> => {
    const placed = locate(process, named);
    if (placed === undefined) return;
    const { shard } = placed.replica;
    const call = { client: 'final', session: named.full, shard, type } as const;
    const op = world.recorder.call(call);
    const answered = await run().catch((cause: unknown) => failed(cause, named));
    world.recorder.answer(op, answered.answer);
    world.sawAnswer(process, answered);
    const { code = '' } = answered.answer;
    const isAway = code === 'unavailable' || code.startsWith('fault');
    if (!isAway || placed.replica.stopped !== undefined) return;
    world.broken.push(`${process.name} cannot ${type} ${named.full} in the end: ${code}`);
  };
  const asked = { from: 'start', eventsMax: 100_000 } as const;
  const { bodies } = world;
  return {
    head: (process, named) =>
      ask(process, named, { type: 'head', run: () => head(process, named) }),
    read: (process, named) =>
      ask(process, named, { type: 'read', run: () => read(process, named, { asked, bodies }) }),
    touch: async (process, named) => {
      const placed = locate(process, named);
      if (placed === undefined) return false;
      const { kind } = await process.writers
        .of(placed.replica)
        .submit(placed.key, { kind: 'burn', forkIncarnation: 'none' })
        .catch(() => ({ kind: 'failed' }));
      return kind === 'done';
    },
  };
}
