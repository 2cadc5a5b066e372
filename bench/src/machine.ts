import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  readonly node: string;
  readonly disk: string;
}

export const machine = (): Machine => ({
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  memoryGib: Math.round(totalmem() / 1024 ** 3),
  system: `${distribution()}, Linux ${release()} ${arch()}`,
  node: process.version,
  disk: rootDisk(),
});

export const loadAverage = (): number => Number((loadavg()[0] ?? 0).toFixed(2));

function distribution(): string {
  try {
    return /^PRETTY_NAME="(.*)"/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  } catch {
    return 'Linux';
  }
}

/** Kind of the file system that the repository is on. */
function rootDisk(): string {
  try {
    const here = import.meta.dirname;
    const mounts = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, point = '']) => point !== '' && `${here}/`.startsWith(point.replace(/\/?$/, '/')))
      .sort(([, one = ''], [, other = '']) => other.length - one.length);
    const [device = '', , kind = ''] = mounts[0] ?? [];
    return `${kind} on ${device}`;
  } catch {
    return 'unknown';
  }
}
