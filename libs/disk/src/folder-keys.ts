// A key's path below the store's folder: its segments are folders and a file name, so that other
// programs find the objects by their keys.
//
//   segment := characters as they are, but for %, control characters, a dot in front, a dot or space
//              at the end and what some system forbids in names; those as %XX. An empty one is %.
//
// As on other stores that keep objects as files, one key cannot be the folder of another.

const escaped = /[%\p{Cc}\\:*?"<>|]|^\.|[. ]$/gu;

const hex = (character: string): string =>
  [...new TextEncoder().encode(character)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');

/** The path's segments; the last one is the file's name. */
export const segmentsOfKey = (key: string): string[] =>
  key.split('/').map((segment) => (segment === '' ? '%' : segment.replace(escaped, hex)));

export const keyOfSegments = (segments: readonly string[]): string =>
  segments
    .map((segment) => (segment === '%' ? '' : decodeURIComponent(escapeOthers(segment))))
    .join('/');

/** Leaves only our own escapes for decodeURIComponent to see. */
const escapeOthers = (segment: string): string => segment.replace(/%(?![0-9A-F]{2})/g, '%25');

/** The folder in which every key with this prefix lies. */
export const folderOfPrefix = (prefix: string): string[] => segmentsOfKey(prefix).slice(0, -1);
