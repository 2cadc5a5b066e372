// The files that a tenant's events of one log are exported to, as they are archived:
//
//   <folder of the shard>/exports/<tenant>/day=<YYYY-MM-DD>/<first offset>-<end offset>-<id>.<format>
//   <folder of the shard>/exports/<tenant>.json
//   manifest := {format, version, serial, nonce, endOffset, files, erasures}
//   file     := {name, firstOffset, endOffset, events, bytes}
//
// All events of the tenant below `endOffset` that it keeps are in the files named, each once. The manifest is
// replaced only by compare-and-swap: the files and the offset that they go up to are one. `erasures` are the
// reports that the files were looked at for, those of the last hour. Stored. Never rename.

import { Problem } from '@tidemark/protocol';
import type { LogName } from '@tidemark/replica';
import { bytesOf, strictTextOf } from '@tidemark/std';
import { exportFolder, type Range } from './segment-manifest.ts';

const format = 'tidemark-export';
const version = 1;

export interface ExportFile extends Range {
  readonly name: string;
  readonly events: number;
  readonly bytes: number;
}

export interface ExportManifest {
  readonly serial: number;
  readonly nonce: string;
  readonly endOffset: number;
  readonly files: readonly ExportFile[];
  readonly erasures: readonly string[];
}

export const noExport: ExportManifest = {
  serial: 0,
  nonce: '',
  endOffset: 0,
  files: [],
  erasures: [],
};

export const exportManifestKey = (log: LogName, tenant: string): string =>
  `${exportFolder(log)}${tenant}.json`;
export const exportPrefix = (log: LogName, tenant: string): string =>
  `${exportFolder(log)}${tenant}/`;

const padded = (offset: number): string => String(offset).padStart(16, '0');

export const exportFileKey = (
  prefix: string,
  { firstOffset, endOffset }: Range,
  { day, id, suffix }: { readonly day: string; readonly id: string; readonly suffix: string },
): string => `${prefix}day=${day}/${padded(firstOffset)}-${padded(endOffset)}-${id}.${suffix}`;

export function rangeOfExport(prefix: string, key: string): Range {
  const [, name = ''] = key.slice(prefix.length).split('/');
  const [first, end] = name.split('-');
  return { firstOffset: Number(first), endOffset: Number(end) };
}

export const encodeExport = (manifest: ExportManifest): Uint8Array =>
  bytesOf(JSON.stringify({ format, version, ...manifest }));

export function decodeExport(bytes: Uint8Array): ExportManifest {
  try {
    const given = JSON.parse(strictTextOf(bytes) ?? '') as ExportManifest & {
      readonly format: string;
      readonly version: number;
    };
    const { format: isFormat, version: isVersion, ...manifest } = given;
    if (isFormat === format && isVersion === version) return manifest;
  } catch (cause) {
    throw new Problem('corrupt', 'the manifest of an export does not decode', { cause });
  }
  throw new Problem('corrupt', 'the manifest of an export is none');
}
