// Where the time of a .cpuprofile went: self time by function.

import { readFile } from 'node:fs/promises';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const linesMax = 40;
/** What the process does to start, and until its code is compiled, is another benchmark's. */
const startMicros = 2_500_000;

export async function selfTimes(file: string): Promise<string> {
  const { nodes, samples, timeDeltas } = JSON.parse(await readFile(file, 'utf8')) as Profile;
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const functions = new Map<string, number>();
  const places = new Map<string, number>();
  let busy = 0;
  let elapsed = 0;
  for (const [index, id] of samples.entries()) {
    const node = byId.get(id);
    const micros = timeDeltas[index] ?? 0;
    elapsed += micros;
    if (elapsed < startMicros) continue;
    if (node === undefined || node.callFrame.functionName === '(idle)') continue;
    busy += micros;
    add(functions, nameOf(node), micros);
    add(places, placeOf(node), micros);
  }
  return [
    `busy ${(busy / 1e6).toFixed(1)} s`,
    ...largest(places, busy, 14),
    '',
    ...largest(functions, busy, linesMax),
  ].join('\n');
}

const add = (sums: Map<string, number>, name: string, micros: number): void =>
  void sums.set(name, (sums.get(name) ?? 0) + micros);

const largest = (sums: ReadonlyMap<string, number>, busy: number, count: number): string[] =>
  [...sums]
    .sort(([, one], [, other]) => other - one)
    .slice(0, count)
    .map(([name, micros]) => `${((micros * 100) / busy).toFixed(1).padStart(5)} %  ${name}`);

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  return url === '' ? name : `${name}  ${shortened(url)}:${lineNumber + 1}`;
}

/** The package that the function lies in. */
function placeOf({ callFrame: { functionName, url } }: ProfileNode): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)';
  if (url.startsWith('node:')) return 'node';
  const vendor = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  return vendor ?? /\/((?:libs|apps)\/[^/]+)\//.exec(url)?.[1] ?? shortened(url);
}

const shortened = (url: string): string => url.replace(/^.*\/(node_modules|libs|apps)\//, '$1/');
