// What a shell offers behind `tidemark`: made of the table of commands, as the help is.

import { type Command, commonOptions, UsageMistake } from './command.ts';

const wordsOf = ({ options }: Command): readonly string[] =>
  Object.keys({ ...options, ...commonOptions }).map((name) => `--${name}`);

type Script = (commands: readonly Command[]) => readonly string[];

const bash: Script = (commands) => [
  '_tidemark() {',
  '  local word="${COMP_WORDS[COMP_CWORD]}" words',
  '  if [ "$COMP_CWORD" -eq 1 ]; then',
  `    words="${commands.map(({ name }) => name).join(' ')}"`,
  '  else',
  '    case "${COMP_WORDS[1]}" in',
  ...commands.map((command) => `      ${command.name}) words="${wordsOf(command).join(' ')}" ;;`),
  '    esac',
  '  fi',
  '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
  '}',
  'complete -o default -F _tidemark tidemark',
];

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const zsh: Script = (commands) => [
  '#compdef tidemark',
  '_tidemark() {',
  '  if (( CURRENT == 2 )); then',
  '    local -a commands=(',
  ...commands.map(({ name, summary }) => `      ${quoted(`${name}:${summary}`)}`),
  '    )',
  '    _describe command commands',
  '    return',
  '  fi',
  '  case "$words[2]" in',
  ...commands.map((command) => `    ${command.name}) compadd -- ${wordsOf(command).join(' ')} ;;`),
  '  esac',
  '  _files',
  '}',
  'compdef _tidemark tidemark',
];

const fish: Script = (commands) =>
  commands.flatMap((command) => [
    `complete -c tidemark -n __fish_use_subcommand -a ${command.name} -d ${quoted(command.summary)}`,
    ...Object.entries({ ...command.options, ...commonOptions }).map(
      ([name, { value, help }]) =>
        `complete -c tidemark -n '__fish_seen_subcommand_from ${command.name}' -l ${name}` +
        `${value === undefined ? '' : ' -r'} -d ${quoted(help)}`,
    ),
  ]);

const scripts: Readonly<Record<string, Script>> = { bash, zsh, fish };

export function completionScript(shell: string, commands: readonly Command[]): string {
  const script = scripts[shell];
  if (script === undefined) throw new UsageMistake('the shell is bash, zsh or fish');
  return `${script(commands).join('\n')}\n`;
}
