import type { Command } from './command.ts';
import { admin } from './commands/admin.ts';
import { append } from './commands/append.ts';
import { completionOf } from './commands/completion.ts';
import { doctor } from './commands/doctor.ts';
import { exporting } from './commands/export.ts';
import { facts } from './commands/facts.ts';
import { importing } from './commands/import.ts';
import { mcp } from './commands/mcp.ts';
import { replaying } from './commands/replay.ts';
import { search } from './commands/search.ts';
import { sessions } from './commands/sessions.ts';
import { show } from './commands/show.ts';
import { tail } from './commands/tail.ts';

const others: readonly Command[] = [
  sessions,
  show,
  tail,
  append,
  search,
  importing,
  exporting,
  replaying,
  facts,
  admin,
  doctor,
  mcp,
];

/** It completes itself as well. */
const completion: Command = completionOf(() => commands);

export const commands: readonly Command[] = [...others, completion];

export const commandNamed = (name: string): Command | undefined =>
  commands.find((command) => command.name === name);
