import { integer, optional, type SettingsOf, secret, text } from '@tidemark/std';

/** What the worker reads from its environment. None of it reaches the hands. */
export const workerDeclarations = {
  url: text({
    env: 'TIDEMARK_URL',
    purpose: 'the server whose turns are run',
    fallback: 'http://127.0.0.1:4437',
  }),
  apiKey: optional(
    secret({ env: 'TIDEMARK_API_KEY', purpose: 'a key of it, with the scope append' }),
  ),
  sealingKey: optional(
    secret({
      env: 'TIDEMARK_SEALING_KEY',
      purpose: 'what the server seals secrets with: opens the key that an agent names',
    }),
  ),
  modelUrl: text({
    env: 'TIDEMARK_MODEL_URL',
    purpose: 'where the Messages API is asked',
    fallback: 'https://api.anthropic.com',
  }),
  modelKey: optional(
    secret({ env: 'TIDEMARK_MODEL_KEY', purpose: 'the key of agents that name none' }),
  ),
  keyCommand: optional(
    text({
      env: 'TIDEMARK_MODEL_KEY_COMMAND',
      purpose:
        'a command that prints that key instead, asked with the ids of agent and session for each turn',
    }),
  ),
  name: text({
    env: 'TIDEMARK_WORKER_NAME',
    purpose: 'how the log names this worker',
    fallback: 'worker',
  }),
  folder: text({
    env: 'TIDEMARK_WORKER_DIR',
    purpose: 'where each session has a folder to work in',
    fallback: './tidemark-worker',
  }),
  turns: integer({
    env: 'TIDEMARK_WORKER_TURNS',
    purpose: 'turns that are run at once',
    min: 1,
    max: 64,
    fallback: 4,
  }),
  leaseSeconds: integer({
    env: 'TIDEMARK_WORKER_LEASE_SECONDS',
    purpose: 'how long after the last word of a worker another takes over',
    min: 1,
    max: 600,
    fallback: 30,
  }),
} as const;

export type WorkerSettings = SettingsOf<typeof workerDeclarations>;
