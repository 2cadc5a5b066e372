import { Fault, type FaultReason, isFault } from '@tidemark/ports';

const reasons: Readonly<Record<string, FaultReason>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'too-large',
  ENAMETOOLONG: 'too-large',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOENT: 'missing',
};

/** The only place that reads the operating system's codes. */
export function diskFault(cause: unknown, effect: 'none' | 'unknown'): Fault {
  if (isFault(cause)) return cause;
  const code = (cause as { readonly code?: unknown } | undefined)?.code;
  const reason = (typeof code === 'string' ? reasons[code] : undefined) ?? 'unavailable';
  return new Fault(reason, `disk call failed. code=${String(code)}`, { effect, cause });
}
