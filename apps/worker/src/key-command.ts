import { execFile } from 'node:child_process';

const printedMsMax = 30_000;
const printedBytesMax = 16 * 1_024;

/** What a command of the operator's prints. Where it fails, nothing that it has printed is told. */
export const printedKey = (
  command: string,
  args: readonly string[],
  path: string,
): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = { timeout: printedMsMax, maxBuffer: printedBytesMax, env: { PATH: path } };
    execFile(command, args, options, (failure, printed) => {
      const key = printed.trim();
      if (failure === null && key !== '') resolve(key);
      else
        reject(new Error(`the command for keys failed: ${failure?.code ?? 'it printed nothing'}`));
    });
  });
