import { limits } from './limits.ts';
import { Problem } from './problems.ts';

const pattern = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/;

export const defaultContentType = 'application/octet-stream';
export const jsonContentType = 'application/json';

/** The media type in lower case, without parameters: what is compared. */
export function mediaTypeOf(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  const type = semicolon === -1 ? contentType : contentType.slice(0, semicolon);
  return type.trim().toLowerCase();
}

/** Checks a Content-Type header and returns it trimmed, parameters kept. */
export function parseContentType(text: string): string {
  const contentType = text.trim();
  const fits = contentType.length <= limits.contentTypeBytesMax;
  if (fits && pattern.test(mediaTypeOf(contentType)) && /^[\x20-\x7e]*$/.test(contentType)) {
    return contentType;
  }
  throw new Problem('invalid-request', 'malformed Content-Type');
}

/** Whether server-sent events carry it as text; anything else travels in base64. */
export const isTextual = (contentType: string): boolean => {
  const type = mediaTypeOf(contentType);
  return type === jsonContentType || type.startsWith('text/');
};
