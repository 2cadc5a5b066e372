// Secrets taken out of a record before anything is made of it. What is not in this list is not found.

export interface RedactionRule {
  readonly name: string;
  readonly pattern: RegExp;
}

export const redactionRules: readonly RedactionRule[] = [
  { name: 'anthropic-key', pattern: /\bsk-ant-[\w-]{20,}/g },
  { name: 'openai-key', pattern: /\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{32,}/g },
  { name: 'aws-access-key', pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g },
  { name: 'github-token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{40,})/g },
  { name: 'slack-token', pattern: /\bxox[abprs]-[A-Za-z0-9-]{10,}/g },
  { name: 'google-key', pattern: /\bAIza[\w-]{35}\b/g },
  { name: 'npm-token', pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { name: 'stripe-key', pattern: /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}/g },
  { name: 'tidemark-key', pattern: /\btmk_[A-Za-z0-9]{16,}/g },
  { name: 'json-web-token', pattern: /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/g },
  {
    name: 'private-key',
    pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  },
  { name: 'url-password', pattern: /(?<=\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]+:)[^\s@/]+(?=@)/g },
  { name: 'bearer', pattern: /(?<=\bBearer )[\w.~+/-]{20,}=*/gi },
  {
    name: 'assignment',
    pattern:
      /(?<=\b[A-Z0-9_]*(?:SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY)[A-Z0-9_]*["']?\s*[=:]\s*["']?)[^\s"',;]{8,}/gi,
  },
];

export const redactedText = (text: string): string =>
  redactionRules.reduce(
    (rest, { name, pattern }) => rest.replace(pattern, `[redacted ${name}]`),
    text,
  );

/** Every string of a value, keys left as they are. */
export function redacted(value: unknown): unknown {
  if (typeof value === 'string') return redactedText(value);
  if (Array.isArray(value)) return value.map(redacted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, redacted(child)]));
}
