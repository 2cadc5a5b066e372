import { once } from 'node:events';
import { createMcpServer } from '@tidemark/mcp';
import { type Call, type Command, UsageMistake } from '../command.ts';
import { type ExitCode, exitCodes } from '../environment.ts';
import { serveMcp } from '../mcp/http.ts';
import { answerLines } from '../mcp/lines.ts';
import { line } from '../printing.ts';

export const mcp: Command = {
  name: 'mcp',
  summary: 'serve search, reading and facts to a model, as an MCP server',
  positionals: '',
  options: {
    write: { help: 'append_event and put_fact as well' },
    listen: { value: 'HOST:PORT', help: 'over HTTP at /mcp, not on stdin and stdout' },
  },
  notes: [
    'In a client’s configuration: {"command": "npx", "args": ["tidemark", "mcp"]}',
    'Over HTTP a client shows its own key as a bearer token; without one it is served on this machine only.',
  ],
  examples: ['mcp --write', 'mcp --listen 127.0.0.1:4439'],
  run: (call) => {
    const listen = call.text('listen');
    return listen === undefined ? overStreams(call) : overHttp(call, listen);
  },
};

async function overStreams({ client, has, environment }: Call): Promise<ExitCode> {
  const { stdin, out, signal } = environment;
  const server = createMcpServer({ client, mayWrite: has('write') });
  const ended = answerLines(server, { stdin, out });
  await Promise.race([ended, once(signal, 'abort')]);
  return exitCodes.done;
}

async function overHttp({ client, has, environment }: Call, listen: string): Promise<ExitCode> {
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(listen) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw new UsageMistake('--listen is HOST:PORT; port 0 takes a free one');
  }
  const { baseUrl, apiKey } = client;
  const options = { baseUrl, apiKey, host, port: Number(port), mayWrite: has('write') };
  await using server = await serveMcp(options);
  await line(environment.out, server.url);
  await once(environment.signal, 'abort');
  return exitCodes.interrupted;
}
