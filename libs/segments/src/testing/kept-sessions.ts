// Sessions of which something is taken, with a word for each event that is found wherever the event is.

import { decideRedact, decideTrim } from '@tidemark/session';
import { textOf } from '@tidemark/std';
import { exportEvents } from '../event-export.ts';
import { decodeExport, exportManifestKey, noExport } from '../export-manifest.ts';
import { decodeFooter, linesOf } from '../segment-format.ts';
import { everyLine } from '../wanted-lines.ts';
import { Cell, type CellProcess, nameOf } from './cell.ts';

export const actor = { by: 'test', requestId: 'r' };

/** A word for each event, that is found wherever the event is. */
export const wordOf = (session: number, seq: number): string => `w${session}x${seq}y`;

interface Kept {
  headSeq: number;
  readonly sizes: number[];
  readonly redacted: Set<number>;
}

export class KeptSessions {
  readonly cell = new Cell();
  readonly sessions = new Map<number, Kept>();

  async append(process: CellProcess, session: number, count: number): Promise<void> {
    const kept = this.sessions.get(session) ?? { headSeq: 0, sizes: [], redacted: new Set() };
    this.sessions.set(session, kept);
    const first = kept.sizes.length;
    const isJson = session % 2 === 0;
    for (let seq = first; seq < first + count; seq += 1) {
      const body = JSON.stringify({ type: 'user.message', text: wordOf(session, seq) });
      await this.cell.append(process, session, [body]);
      kept.sizes.push(isJson ? 1 : body.length);
    }
  }

  async trim(process: CellProcess, session: number, share: number): Promise<void> {
    const kept = this.sessions.get(session);
    if (kept === undefined) return;
    const seq = Math.floor(kept.sizes.length * share);
    const position = kept.sizes.slice(0, seq).reduce((sum, size) => sum + size, 0);
    await this.submit(process, session, decideTrim({ seq, position }, actor));
    kept.headSeq = Math.max(kept.headSeq, seq);
  }

  async redact(process: CellProcess, session: number, share: number): Promise<void> {
    const kept = this.sessions.get(session);
    if (kept === undefined || session % 2 === 1) return;
    const seq = Math.floor((kept.sizes.length - 1) * share);
    if (seq < kept.headSeq) return;
    await this.submit(process, session, decideRedact(seq, actor));
    kept.redacted.add(seq);
  }

  async submit(
    { writes, tenant }: CellProcess,
    session: number,
    decide: ReturnType<typeof decideTrim>,
  ): Promise<unknown> {
    return writes.submit(tenant, nameOf(session), { kind: 'fact', decide });
  }

  /** Words that must be there, and those that must not. */
  words(): { readonly there: readonly string[]; readonly gone: readonly string[] } {
    const there: string[] = [];
    const gone: string[] = [];
    for (const [session, { headSeq, sizes, redacted }] of this.sessions) {
      for (const seq of sizes.keys()) {
        const isThere = seq >= headSeq && !redacted.has(seq);
        (isThere ? there : gone).push(wordOf(session, seq));
      }
    }
    return { there: there.sort(), gone };
  }

  async exported({ replica, log, archive }: CellProcess): Promise<readonly string[]> {
    const { clock } = this.cell;
    await clock.runUntil(replica.readIndex());
    const to = Number(replica.fold.position);
    const request = { replica, from: 0, to, wanted: everyLine, takesKey: () => true };
    const lines: string[] = [];
    const all = (async () => {
      for await (const piece of exportEvents(
        { log, clock, archive },
        { ...request, takesSession: () => true },
        new AbortController().signal,
      )) {
        lines.push(...piece.lines.map(({ line }) => textOf(line)));
      }
    })();
    await clock.runUntil(all);
    return lines;
  }

  stored(): string {
    return [...this.cell.store.objects()]
      .filter(([key]) => key.includes('/segments/'))
      .flatMap(([, { body }]) =>
        decodeFooter(body).frames.flatMap(({ firstByte, endByte, lines }) =>
          linesOf(body.subarray(firstByte, endByte), lines).map(textOf),
        ),
      )
      .map(plainText)
      .join('\n');
  }

  /** The files that a manifest of the continuous export names. */
  fileNames({ replica, tenant }: CellProcess): readonly string[] {
    const manifest = this.cell.store.objects().get(exportManifestKey(replica.logName, tenant.id));
    const { files } = manifest === undefined ? noExport : decodeExport(manifest.body);
    return files.map(({ name }) => name);
  }

  /** Their lines. */
  materialized(process: CellProcess): readonly string[] {
    return this.fileNames(process).flatMap((name) => {
      const file = this.cell.store.objects().get(name);
      if (file === undefined) throw new Error(`a file that is named is not there. name=${name}`);
      return textOf(file.body)
        .split('\n')
        .filter((line) => line !== '');
    });
  }

  /** All that lies there of the continuous export, named or not. */
  get allMaterialized(): string {
    return [...this.cell.store.objects()]
      .filter(([key]) => key.includes('/exports/') && key.endsWith('.ndjson'))
      .map(([, { body }]) => textOf(body).split('\n').map(plainText).join('\n'))
      .join('\n');
  }

  /** What is read of them, by both ways. */
  async found(process: CellProcess): Promise<readonly (readonly string[])[]> {
    const read = Object.values(await this.cell.read()).flat();
    return [wordsIn(read), wordsIn(await this.exported(process))];
  }

  get expected(): readonly (readonly string[])[] {
    const { there } = this.words();
    return [there, there];
  }
}

/** What is in base64 as well. */
export function plainText(line: string): string {
  const bytes = /"bytes":"([^"]*)"/.exec(line)?.[1] ?? '';
  return `${line} ${Buffer.from(bytes, 'base64').toString()}`;
}

export const wordsIn = (texts: readonly string[]): readonly string[] =>
  texts.flatMap((text) => plainText(text).match(/w\d+x\d+y/g) ?? []).sort();
