import { type Command, required } from '../command.ts';
import { completionScript } from '../completion.ts';
import { exitCodes } from '../environment.ts';

export const completionOf = (commands: () => readonly Command[]): Command => ({
  name: 'completion',
  summary: 'a script that completes commands and options in a shell',
  positionals: 'SHELL',
  options: {},
  notes: ['SHELL is bash, zsh or fish.', 'In ~/.bashrc: source <(tidemark completion bash)'],
  examples: ['completion bash'],
  run: async (call) => {
    const script = completionScript(required(call, 0, 'SHELL'), commands());
    await call.environment.out.write(script);
    return exitCodes.done;
  },
});
