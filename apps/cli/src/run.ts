import { isProblem, SessionsClient } from '@tidemark/sessions-client';
import { type Command, callOf, parseCommand, UsageMistake } from './command.ts';
import { commandNamed, commands } from './command-table.ts';
import { type Environment, type ExitCode, exitCodes } from './environment.ts';
import { helpOf, overview } from './help.ts';
import { line } from './printing.ts';

const defaultUrl = 'http://127.0.0.1:4437';

/** One command, from its words to its exit code. */
export async function run(environment: Environment): Promise<ExitCode> {
  const [name, ...args] = environment.args;
  const { out, err } = environment;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const [about] = args;
    const command = about === undefined ? undefined : commandNamed(about);
    await out.write(command === undefined ? overview(commands) : helpOf(command));
    return name === undefined ? exitCodes.usage : exitCodes.done;
  }
  const command = commandNamed(name);
  if (command === undefined) {
    await line(err, `tidemark: there is no command ${name}; tidemark help lists them`);
    return exitCodes.usage;
  }
  try {
    return await runCommand(command, environment, args);
  } catch (cause) {
    return failure(command, environment, cause);
  }
}

function runCommand(
  command: Command,
  environment: Environment,
  args: readonly string[],
): Promise<ExitCode> {
  const { env, out } = environment;
  const parsed = parseCommand(command, args);
  if (parsed.values['help'] === true) {
    return out.write(helpOf(command)).then(() => exitCodes.done);
  }
  const given = (option: string, variable: string): string | undefined => {
    const value = parsed.values[option] ?? env[variable];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const client = new SessionsClient({
    baseUrl: given('url', 'TIDEMARK_URL') ?? defaultUrl,
    apiKey: given('api-key', 'TIDEMARK_API_KEY'),
  });
  return command.run(callOf(parsed, environment, client));
}

/** What went wrong, in one line, and as a code. */
async function failure(
  { name }: Command,
  { err, signal }: Environment,
  cause: unknown,
): Promise<ExitCode> {
  if (signal.aborted) return exitCodes.interrupted;
  const say = (text: string): Promise<void> => line(err, `tidemark ${name}: ${text}`);
  if (cause instanceof UsageMistake) {
    await say(`${cause.message}; tidemark ${name} --help says how it is called`);
    return exitCodes.usage;
  }
  if (isProblem(cause, 'no-answer')) {
    await say(`${cause.message}: is it running? npm start starts one, TIDEMARK_URL names another`);
    return exitCodes.unreachable;
  }
  if (isProblem(cause)) {
    await say(`${cause.message} (${cause.status} ${cause.code})`);
    return codeOf(cause.status);
  }
  await say(cause instanceof Error ? cause.message : String(cause));
  return exitCodes.failed;
}

function codeOf(status: number): ExitCode {
  if (status === 404 || status === 410) return exitCodes.notFound;
  return status >= 400 && status < 500 ? exitCodes.refused : exitCodes.failed;
}
