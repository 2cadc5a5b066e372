import { type Json, sessionPath } from '@tidemark/sessions-client';
import { type Call, type Command, required, UsageMistake } from '../command.ts';
import { exitCodes } from '../environment.ts';
import { jsonLine, line, table, tell } from '../printing.ts';

export const facts: Command = {
  name: 'facts',
  summary: 'durable facts of a session: small values by key',
  positionals: 'SESSION [KEY [VALUE]]',
  options: {
    version: { value: 'N', help: 'puts or deletes only this version; 0: only where there is none' },
    delete: { help: 'deletes KEY' },
  },
  notes: [
    'VALUE is JSON; what is none is a text. Without VALUE the fact is told, without KEY all are.',
  ],
  examples: ['facts hello plan \'{"step": 1}\'', 'facts hello plan', 'facts hello'],
  run: async (call) => {
    const session = required(call, 0, 'SESSION');
    const [, key, value] = call.positionals;
    const path = `${sessionPath({ session })}/facts`;
    if (key === undefined) {
      await list(call, path);
      return exitCodes.done;
    }
    const one = `${path}/${encodeURIComponent(key)}`;
    if (call.has('delete')) {
      await call.client.json(one, { method: 'DELETE', headers: versionHeader(call) });
      await tell(call, { key, deleted: true }, `${key} deleted`);
    } else if (value === undefined) {
      await line(call.environment.out, JSON.stringify(await call.client.json(one)));
    } else {
      const body = JSON.stringify(valueOf(value));
      const put = await call.client.json(one, {
        method: 'PUT',
        headers: versionHeader(call),
        body,
      });
      await tell(call, put, `${key} is at version ${String(put['version'])}`);
    }
    return exitCodes.done;
  },
};

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function versionHeader(call: Call): Readonly<Record<string, string>> {
  const version = call.count('version');
  if (version === undefined) return {};
  if (version > 0) return { 'if-match': `"${version}"` };
  if (call.has('delete')) throw new UsageMistake('there is no version 0 to delete');
  return { 'if-none-match': '*' };
}

async function list({ client, environment: { out }, isJson }: Call, path: string): Promise<void> {
  const { data } = await client.json<{ readonly data: readonly Json[] }>(path);
  if (isJson) for (const fact of data) await jsonLine(out, fact);
  else {
    const rows = data.map(({ key, version, value }) => [
      String(key),
      String(version),
      JSON.stringify(value),
    ]);
    await line(out, table([['KEY', 'VERSION', 'VALUE'], ...rows]));
  }
}
