// All files of the pages, read once. Modules of others are served as their packages ship them; the import
// map says where.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';

export interface Asset {
  readonly body: Buffer;
  readonly type: string;
  readonly etag: string;
}

export interface Assets {
  readonly page: Asset;
  /** By path. */
  readonly files: ReadonlyMap<string, Asset>;
  /** Of the one inline script, as a policy names it. */
  readonly importMapHash: string;
}

const pageFolder = join(import.meta.dirname, 'page');

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const require = createRequire(import.meta.url);

/** The folder of a package, by a file that its exports name. */
const packageFolder = (name: string, exported = `${name}/package.json`): string => {
  const file = require.resolve(exported);
  return file.slice(0, file.lastIndexOf(`node_modules/${name}/`) + `node_modules/${name}`.length);
};

interface Module {
  readonly specifier: string;
  readonly file: string;
}

function vendorModules(): readonly Module[] {
  const of = (name: string, file: string): string => join(packageFolder(name, name), file);
  return [
    { specifier: 'preact', file: of('preact', 'dist/preact.mjs') },
    { specifier: 'preact/hooks', file: of('preact', 'hooks/dist/hooks.mjs') },
    {
      specifier: '@preact/signals-core',
      file: of('@preact/signals-core', 'dist/signals-core.mjs'),
    },
    { specifier: '@preact/signals', file: of('@preact/signals', 'dist/signals.mjs') },
    { specifier: 'htm', file: of('htm', 'dist/htm.mjs') },
    {
      specifier: '@tanstack/virtual-core',
      file: of('@tanstack/virtual-core', 'dist/esm/index.js'),
    },
    { specifier: 'uplot', file: of('uplot', 'dist/uPlot.esm.js') },
  ];
}

const vendorPath = ({ specifier, file }: Module): string =>
  `/ui/vendor/${specifier.replaceAll('@', '')}/${file.slice(file.lastIndexOf('/') + 1)}`;

function assetOf(body: Buffer, extension: string): Asset {
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return { body, type: types[extension] ?? 'application/octet-stream', etag: `"${hash}"` };
}

const fileAsset = (file: string): Asset => assetOf(readFileSync(file), extname(file));

/** With what a module asks for beside itself. */
function* moduleFiles(module: Module): Iterable<readonly [string, Asset]> {
  const path = vendorPath(module);
  const folder = dirname(module.file);
  const isSplit = /from "\.\//.test(readFileSync(module.file, 'utf8'));
  if (!isSplit) return yield [path, fileAsset(module.file)];
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.js')) yield [`${dirname(path)}/${name}`, fileAsset(join(folder, name))];
  }
}

export function loadAssets(): Assets {
  const files = new Map<string, Asset>();
  for (const name of readdirSync(pageFolder)) {
    if (!['.js', '.css', '.svg'].includes(extname(name))) continue;
    files.set(`/ui/${name}`, fileAsset(join(pageFolder, name)));
  }
  const modules = vendorModules();
  for (const module of modules) {
    for (const [path, asset] of moduleFiles(module)) files.set(path, asset);
  }
  files.set(
    '/ui/vendor/uplot/uPlot.min.css',
    fileAsset(join(packageFolder('uplot', 'uplot'), 'dist/uPlot.min.css')),
  );
  const imports = Object.fromEntries(modules.map((each) => [each.specifier, vendorPath(each)]));
  const importMap = JSON.stringify({ imports });
  const hash = createHash('sha256').update(importMap).digest('base64');
  return { page: pageOf(importMap, [...files.keys()]), files, importMapHash: `sha256-${hash}` };
}

/** Modules are asked for at once, rather than as each is found in another. */
function pageOf(importMap: string, paths: readonly string[]): Asset {
  const scripts = paths.filter((path) => /\.m?js$/.test(path));
  const preloads = scripts.map((path) => `<link rel="modulepreload" href="${path}">`);
  const html = readFileSync(join(pageFolder, 'index.html'), 'utf8')
    .replace('<!-- import map -->', `<script type="importmap">${importMap}</script>`)
    .replace('<!-- modules -->', preloads.join('\n    '));
  return assetOf(Buffer.from(html), '.html');
}
