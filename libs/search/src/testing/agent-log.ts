// Events as agents make them: words by Zipf's law, a repository's paths and identifiers that come again and
// again, commands, what they print, and errors. Of one seed always the same.

import type { SeededPrng } from '@tidemark/ports/testing';
import type { SearchEvent } from '../document.ts';
import { isStopWord } from '../stemming.ts';

const plainWords =
  'the a to of and is in it that for not with this we file test error check change run code line function ' +
  'need update read write use now should first let look see find path type call return value make new add ' +
  'fix issue problem because when after before still only already also there which where what how all other ' +
  'server client request response session event log record store table index search query result token ' +
  'permission denied timeout connection refused retry failed passed expected received missing undefined null ' +
  'config settings build deploy branch commit merge review module package import export class method argument ' +
  'message content tool output input command shell directory folder database schema migration column row key ' +
  'cache memory buffer stream socket port host proxy cluster node replica shard partition offset cursor ' +
  'implementing implemented handling handled creating created removing removed running checking updated';

const syllables =
  'ba co di fu ge hi jo ka le mi no pu qua re si to u ve wa xi yo ze sta tri con pro ment tion'.split(
    ' ',
  );
const folders =
  'src libs apps test docs infra bench tools core server client store edge auth queue'.split(' ');
const suffixes = ['ts', 'ts', 'ts', 'test.ts', 'json', 'md', 'py', 'go', 'rs', 'sh'];
const tools = ['bash', 'bash', 'bash', 'read', 'edit', 'grep', 'write', 'glob', 'web_fetch'];
const failures = [
  'Error: ENOENT: no such file or directory, open',
  'TypeError: Cannot read properties of undefined (reading',
  'Permission denied:',
  'AssertionError: expected 3 to equal 4 at',
  'error TS2345: Argument of type string is not assignable in',
  'ConnectionRefusedError: connect ECONNREFUSED 127.0.0.1:5432 from',
];

const made = (count: number, make: (at: number) => string): readonly string[] =>
  Array.from({ length: count }, (_, at) => make(at));

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export interface AgentLogOptions {
  readonly sessions: number;
  readonly prefix?: string;
}

/** One event after the other, of a few sessions in turn. */
export class AgentLog {
  readonly #prng: SeededPrng;
  readonly #words: readonly string[];
  readonly #asked: readonly string[];
  readonly #names: readonly string[];
  readonly #paths: readonly string[];
  readonly #seqs: number[];
  readonly #prefix: string;
  #timeMs = 1_780_000_000_000;

  constructor(prng: SeededPrng, { sessions, prefix = 'sesn' }: AgentLogOptions) {
    this.#prng = prng;
    this.#prefix = prefix;
    this.#seqs = Array.from({ length: sessions }, () => 0);
    this.#words = [...plainWords.split(' '), ...made(4_000, () => this.#syllables(2, 5))];
    this.#asked = this.#words.filter((word) => !isStopWord(word));
    this.#names = made(3_000, (at) =>
      at % 3 === 0
        ? made(2, () => this.word()).join('_')
        : `${this.word()}${capital(this.word())}${at % 2 === 0 ? capital(this.word()) : ''}`,
    );
    this.#paths = made(1_500, () => {
      const depth = 1 + prng.below(4);
      const parts = made(depth, () => this.#pick(folders));
      return `${parts.join('/')}/${this.word()}-${this.word()}.${this.#pick(suffixes)}`;
    });
  }

  /** Few are frequent, most are rare. */
  #zipf<T>(values: readonly T[]): T {
    const at = Math.floor(values.length ** (this.#prng.next() / 2 ** 32)) - 1;
    return values[at] as T;
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#prng.below(values.length)] as T;
  }

  #syllables(min: number, max: number): string {
    return made(min + this.#prng.below(max - min), () => this.#pick(syllables)).join('');
  }

  word(): string {
    return this.#zipf(this.#words);
  }

  sentence(count: number): string {
    const said = made(count, () =>
      this.#prng.chance(0.08) ? this.#zipf(this.#names) : this.word(),
    );
    return `${capital(said.join(' '))}.`;
  }

  /** Words as somebody asks for them: none that nearly every event has. */
  query(count: number): string {
    return made(count, () => this.#zipf(this.#asked)).join(' ');
  }

  #codeLine(): string {
    const [name, other] = [this.#zipf(this.#names), this.#zipf(this.#names)];
    const forms = [
      `  const ${name} = await ${other}(${this.word()}, ${this.#prng.below(100)});`,
      `  if (${name} === undefined) return ${this.word()};`,
      `import { ${name} } from './${this.word()}-${this.word()}.ts';`,
      `  // ${this.sentence(6)}`,
      `    ${name}.${this.word()}(${other}.${this.word()});`,
    ];
    return this.#pick(forms);
  }

  #place(): string {
    return `${this.#zipf(this.#paths)}:${1 + this.#prng.below(400)}`;
  }

  #output(): string {
    const kind = this.#prng.below(10);
    if (kind < 4) return made(4 + this.#prng.below(5), () => this.#codeLine()).join('\n');
    if (kind < 6) {
      return made(
        4 + this.#prng.below(4),
        () => `${this.#place()}: ${this.#codeLine().trim()}`,
      ).join('\n');
    }
    if (kind < 8) {
      return `${made(5, () => ` ✓ ${this.sentence(6)} ${this.#prng.below(900)}ms`).join('\n')}\n Tests ${this.#prng.below(90)} passed`;
    }
    return this.#failure();
  }

  #failure(): string {
    const frames = made(
      3,
      () => `    at ${this.#zipf(this.#names)} (/app/${this.#place()}:${this.#prng.below(60)})`,
    );
    return `${this.#pick(failures)} ${this.#place()}\n${frames.join('\n')}`;
  }

  #input(tool: string): Record<string, unknown> {
    if (tool === 'bash') {
      const command = `cd /app && grep -rn "${this.#zipf(this.#names)}" ${this.#zipf(this.#paths)} | head -${this.#prng.below(50)} && npm test -- ${this.#zipf(this.#paths)}`;
      return { command, description: this.sentence(8), timeout: 120_000 };
    }
    if (tool === 'edit') {
      return {
        file_path: `/app/${this.#zipf(this.#paths)}`,
        old_string: made(3, () => this.#codeLine()).join('\n'),
        new_string: made(4, () => this.#codeLine()).join('\n'),
      };
    }
    return {
      path: `/app/${this.#zipf(this.#paths)}`,
      pattern: this.#zipf(this.#names),
      limit: this.#prng.below(200),
    };
  }

  #id(prefix: string): string {
    return `${prefix}_01${this.#prng.hex(11)}`;
  }

  #event(): Record<string, unknown> {
    const kind = this.#prng.below(100);
    const text = (words: number) => [
      { type: 'text', text: made(1 + (words >> 4), () => this.sentence(16)).join(' ') },
    ];
    if (kind < 5) return { type: 'user.message', content: text(40 + this.#prng.below(60)) };
    if (kind < 22) return { type: 'agent.message', content: text(60 + this.#prng.below(60)) };
    if (kind < 32) return { type: 'thinking', thinking: this.sentence(50 + this.#prng.below(40)) };
    if (kind < 62) {
      const name = this.#pick(tools);
      return { type: 'agent.tool_use', name, input: this.#input(name) };
    }
    if (kind < 95) {
      const isError = this.#prng.chance(0.12);
      const content = [{ type: 'text', text: isError ? this.#failure() : this.#output() }];
      return {
        type: 'agent.tool_result',
        tool_use_id: this.#id('toolu'),
        content,
        is_error: isError,
      };
    }
    if (kind < 96) {
      return { type: 'session.error', error: { type: 'unknown_error', message: this.#failure() } };
    }
    if (kind < 98) return { type: 'session.status_idle', stop_reason: { type: 'end_turn' } };
    return {
      type: 'span.model_request_end',
      model_usage: { input_tokens: this.#prng.below(90_000) },
    };
  }

  next(planted?: string): SearchEvent {
    const at = this.#prng.below(this.#seqs.length);
    const seq = this.#seqs[at] as number;
    this.#seqs[at] = seq + 1;
    this.#timeMs += this.#prng.below(4_000);
    const event =
      planted === undefined
        ? this.#event()
        : {
            type: 'agent.tool_result',
            tool_use_id: this.#id('toolu'),
            content: [{ type: 'text', text: `${this.#output()}\n${planted}\n${this.#codeLine()}` }],
            is_error: false,
          };
    const processed = new Date(this.#timeMs).toISOString();
    const body = JSON.stringify({ id: this.#id('sevt'), ...event, processed_at: processed });
    return { session: `${this.#prefix}_${at}`, seq, timeMs: this.#timeMs, body };
  }

  /** Something that stands in no other event: a path with a line, an identifier, the words of an error. */
  rareItem(): string {
    const rare = () => this.#syllables(3, 5) + this.#prng.hex(2);
    const kinds = [
      () => `/app/${this.#pick(folders)}/${rare()}-${this.word()}.ts:${this.#prng.below(900)}`,
      () => `${this.word()}${capital(rare())}${capital(this.word())}`,
      () => `${this.#pick(failures)} '${rare()}' code ${rare()}`,
      () => `${this.word()}_${rare()}`,
    ];
    return this.#pick(kinds)();
  }
}
