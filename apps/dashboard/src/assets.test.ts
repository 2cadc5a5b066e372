import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { loadAssets } from './assets.ts';
import { pageHeaders } from './page-policy.ts';

const { page, files, importMapHash } = loadAssets();
const html = page.body.toString();

test('every module that a module asks for is served', () => {
  const map = /<script type="importmap">(.*?)<\/script>/.exec(html)?.[1] ?? '';
  const { imports } = JSON.parse(map) as { readonly imports: Readonly<Record<string, string>> };
  for (const [path, { body, type }] of files) {
    if (!type.startsWith('text/javascript')) continue;
    // An example that is shown asks for nothing.
    const code = body.toString().replace(/`[^`]*`/g, '');
    for (const [, specifier = ''] of code.matchAll(/(?<![-\w])from ?["']([^"'\n]+)["']/g)) {
      const target = specifier.startsWith('.')
        ? new URL(specifier, `http://here${path}`).pathname
        : imports[specifier];
      expect(files.has(target ?? specifier), `${path} asks for ${specifier}`).toBe(true);
    }
  }
});

test('the page names only what is served here', () => {
  const named = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path ?? '');
  expect(named.filter((path) => !files.has(path))).toEqual([]);
  expect(html).not.toContain('http');
});

test('the policy allows the one inline script by its hash, and nothing that is unsafe', () => {
  const [, script = ''] = /<script type="importmap">(.*?)<\/script>/.exec(html) ?? [];
  expect(importMapHash).toBe(`sha256-${createHash('sha256').update(script).digest('base64')}`);
  const policy = pageHeaders(importMapHash)['content-security-policy'];
  expect(policy).toContain(`'${importMapHash}'`);
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe');
});
