// What a page of ours may do. Events are written by agents, and by whoever an agent has read from: a text
// of theirs that were taken for markup must find nothing that it could run, load or tell.

export function pageHeaders(importMapHash: string): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    `script-src 'self' '${importMapHash}'`,
    "style-src 'self'",
    "img-src 'self'",
    // Also the live socket of this address.
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    'cross-origin-opener-policy': 'same-origin',
    // A link to a shared session carries its token.
    'referrer-policy': 'no-referrer',
  };
}
