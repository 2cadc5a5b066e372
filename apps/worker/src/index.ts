// A worker that is told to stop lets go of its turns: their leases run out, and others take them over.

import { Sealer } from '@tidemark/auth';
import { TurnWorker } from '@tidemark/client/worker';
import type { Clock, Logger } from '@tidemark/ports';
import { runTurn } from './brain.ts';
import { confinementHere } from './hands/hands.ts';
import type { WorkerSettings } from './settings.ts';

export interface WorkerParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where hands look for commands. */
  readonly path: string;
}

export async function runWorker(
  { clock, logger, path }: WorkerParts,
  settings: WorkerSettings,
  signal: AbortSignal,
): Promise<void> {
  const {
    url,
    apiKey,
    name,
    leaseSeconds,
    turns,
    sealingKey,
    modelKey,
    keyCommand,
    modelUrl,
    folder,
  } = settings;
  const confinement = await confinementHere();
  if (confinement === 'folder') {
    logger.warn(
      { confinement },
      'hands are a process in a folder: they can read what this user can',
    );
  }
  const sealer = sealingKey && new Sealer(sealingKey.reveal());
  const worker = new TurnWorker({
    url,
    name,
    leaseSeconds,
    ...(apiKey && { apiKey: () => apiKey.reveal() }),
  });
  const brain = {
    clock,
    logger,
    sealer,
    modelKey,
    keyCommand,
    modelUrl,
    folder,
    confinement,
    path,
  };
  logger.info({ app: 'worker', url, confinement }, 'ready');
  await worker.run(
    async (turn) => {
      const { id } = turn;
      logger.info({ session: turn.session.id, turn: id }, 'a turn begins');
      const ending = await runTurn(brain, turn);
      logger.info({ session: turn.session.id, turn: id, outcome: ending.outcome }, 'a turn ends');
      return ending;
    },
    { signal, turnsMax: turns },
  );
}
