import { type Command, commonOptions, type Option } from './command.ts';
import { exitCodes } from './environment.ts';

const row = (name: string, help: string): string => `  ${name.padEnd(24)} ${help}`;

const optionRow = ([name, { value, isList, help }]: readonly [string, Option]): string =>
  row(
    `--${name}${value === undefined ? '' : ` ${value}`}`,
    isList === true ? `${help}; may be repeated` : help,
  );

export function helpOf(command: Command): string {
  const { name, summary, positionals, options, notes = [], examples } = command;
  const usage = ['tidemark', name, positionals, '[options]'].filter((word) => word !== '');
  return [
    summary,
    '',
    `Usage: ${usage.join(' ')}`,
    '',
    'Options:',
    ...Object.entries({ ...options, ...commonOptions }).map(optionRow),
    ...(notes.length === 0 ? [] : ['', ...notes]),
    '',
    'Examples:',
    ...examples.map((example) => `  tidemark ${example}`),
    '',
  ].join('\n');
}

const exitWords: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: 'done',
  failed: 'failed',
  usage: 'not called as the help says',
  notFound: 'there is nothing of that name',
  unreachable: 'the server does not answer',
  refused: 'the server refuses: no key, or not for this, or not as the session stands',
  interrupted: 'interrupted',
};

export function overview(commands: readonly Command[]): string {
  const codes = Object.entries(exitCodes) as [keyof typeof exitCodes, number][];
  return [
    'Sessions of AI agents, in a log that keeps them.',
    '',
    'Usage: tidemark COMMAND [options]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => row(name, summary)),
    '',
    'tidemark COMMAND --help says more of one.',
    '',
    'Environment:',
    row('TIDEMARK_URL', 'the server; http://127.0.0.1:4437 where it is not set'),
    row('TIDEMARK_API_KEY', 'sent with every request; of admin, the admin key'),
    '',
    'Exit codes:',
    ...codes.map(([name, code]) => row(String(code), exitWords[name])),
    '',
  ].join('\n');
}
