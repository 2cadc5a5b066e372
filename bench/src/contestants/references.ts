import { join } from 'node:path';
import { type Contestant, startServed } from './contestant.ts';
import {
  electricVersion,
  installElectric,
  installNodeReference,
  nodeReferenceVersion,
} from './install.ts';

const referenceMain = (name: string): string =>
  join(import.meta.dirname, '..', 'references', `${name}-main.ts`);

async function nodeReference(isFileBacked: boolean): Promise<Contestant> {
  const module = await installNodeReference();
  const contestant: Contestant = {
    name: isFileBacked ? 'node reference, file' : 'node reference, memory',
    version: `@durable-streams/server ${nodeReferenceVersion}`,
    durability: isFileBacked ? 'fdatasync and LMDB put an append' : 'none: the heap',
    start(place) {
      return startServed(
        {
          contestant,
          command: process.execPath,
          args: (port, folder) => [
            referenceMain('node-streams'),
            module,
            String(port),
            ...(isFileBacked ? [folder] : []),
          ],
        },
        place,
      );
    },
  };
  return contestant;
}

export const nodeInMemory = (): Promise<Contestant> => nodeReference(false);
export const nodeFileBacked = (): Promise<Contestant> => nodeReference(true);

export async function electric(): Promise<Contestant | undefined> {
  const command = await installElectric();
  if (command === undefined) return undefined;
  const contestant: Contestant = {
    name: 'electric',
    version: `durable-streams ${electricVersion} (Rust)`,
    durability: 'sharded log, group commit, fdatasync',
    start(place) {
      const args = (port: number, folder: string): readonly string[] => [
        '--port',
        String(port),
        '--data-dir',
        folder,
        '--durability',
        'wal',
      ];
      return startServed({ contestant, command, args }, place);
    },
  };
  return contestant;
}

/** The least that a Node server with a body parser does. */
export const fastifyEcho: Contestant = {
  name: 'fastify echo',
  version: 'fastify 5.12.8',
  durability: 'none: it forgets',
  start(place) {
    const args = (port: number): readonly string[] => [referenceMain('fastify-echo'), String(port)];
    return startServed({ contestant: this, command: process.execPath, args }, place);
  },
};
