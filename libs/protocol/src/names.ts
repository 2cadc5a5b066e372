import { bytesOf } from '@tidemark/std';
import { limits } from './limits.ts';
import { Problem } from './problems.ts';

export type TenantId = string & { readonly brand: 'TenantId' };
/** What a session is called within its tenant. A raw stream's name is its path. */
export type SessionName = string & { readonly brand: 'SessionName' };

/** The tenant of a server without keys. */
export const defaultTenant = 'default' as TenantId;

export function parseTenantId(text: string): TenantId {
  if (/^[a-z0-9-]{1,40}$/.test(text)) return text as TenantId;
  throw new Problem('invalid-request', 'a tenant is 1 to 40 of a-z, 0-9 and -');
}

/** Control bytes would travel into headers, logs and terminals. */
export function hasControlBytes(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

function decodedSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new Problem('invalid-request', 'the path is not percent-encoded UTF-8', { cause });
  }
}

/** Percent-decodes each segment of a path once and checks the name they make. */
export const parseStreamPath = (path: string): SessionName =>
  parseSessionName(path.includes('%') ? path.split('/').map(decodedSegment).join('/') : path);

/** An empty, `.` or `..` segment. */
const hiddenSegment = /(^|\/)\.{0,2}(\/|$)/;

export function parseSessionName(name: string): SessionName {
  // A UTF-16 unit takes at most three bytes: only a long name has to be measured.
  const isLong = 3 * name.length > limits.nameBytesMax;
  if (isLong && bytesOf(name).length > limits.nameBytesMax) {
    throw new Problem('invalid-request', `a name has at most ${limits.nameBytesMax} bytes`);
  }
  if (hasControlBytes(name)) throw new Problem('invalid-request', 'control bytes in a name');
  if (!name.isWellFormed()) throw new Problem('invalid-request', 'a name is well-formed Unicode');
  if (name === '' || hiddenSegment.test(name)) {
    throw new Problem('invalid-request', 'a name has no empty, . or .. segment');
  }
  if (name.startsWith('$') || name === '__ds' || name.startsWith('__ds/')) {
    throw new Problem('invalid-request', 'names that begin with $ or __ds/ are reserved');
  }
  return name as SessionName;
}

/** Between the name of a session and that of its thread, in the name of the thread's own session. */
const threadMark = '~sthr_';

/** Where the events of a thread lie. */
export const threadName = (session: string, thread: string): SessionName =>
  parseSessionName(`${session}~${thread}`);

/** A thread is listed with its session, not beside it. */
export const isThreadName = (name: string): boolean => name.includes(threadMark);

/** Names, on every webhook, the cell that sent it: appends of its own deliveries are refused. */
export const deliveryHeader = 'tidemark-delivery';
