// What the document says is there, is there, and nothing else under /v1 but what has a document of its own.

import { readFile } from 'node:fs/promises';
import { type Role, serve } from '@tidemark/edge';
import { ingestRole } from '@tidemark/ingest';
import { Platform } from '@tidemark/platform';
import { silentLogger, silentMetrics } from '@tidemark/ports';
import {
  SeededPrng,
  SimulatedClock,
  SimulatedEventLog,
  SimulatedObjectStore,
} from '@tidemark/ports/testing';
import { readRole } from '@tidemark/read';
import { publishedIn } from '@tidemark/segments';
import { openApiDocument } from '@tidemark/sessions-api';
import { Secret } from '@tidemark/std';
import { expect, test } from 'vitest';

async function routesOf(...roles: readonly Role[]): Promise<string[]> {
  const clock = new SimulatedClock();
  const prng = new SeededPrng(1);
  const log = new SimulatedEventLog({ clock, prng, instant: true }).connect('one');
  const parts = { log, clock, prng, logger: silentLogger, metrics: silentMetrics };
  await using platform = new Platform(parts, { memoryBytesMax: 1_000_000, isKeyless: false });
  await platform.start();
  const routes: string[] = [];
  const listen: Role = ({ edge }) => {
    edge.addHook('onRoute', ({ method, url }) => {
      for (const each of [method].flat()) routes.push(`${each.toLowerCase()} ${url}`);
    });
    return {};
  };
  const served = { roles: [listen, ...roles], renderMetrics: () => Promise.resolve('') };
  const listening = await serve(platform, served, { host: '127.0.0.1', port: 0, drainMs: 0 });
  await clock.runUntil(listening.stop());
  return routes;
}

async function servedRoutes(): Promise<readonly string[]> {
  const clock = new SimulatedClock();
  const store = new SimulatedObjectStore({ clock, prng: new SeededPrng(2), instant: true });
  const reading = readRole(undefined, publishedIn(store.connect('one')));
  const role = ingestRole({ adminKey: new Secret('k'.repeat(24)), retentionMs: 60_000 });
  return routesOf(role, reading);
}

const under = (routes: readonly string[], path: RegExp): readonly string[] =>
  [...new Set(routes.filter((route) => path.test(route)))].sort();

test('the routes under /v1, without the stream protocol and the aliases, are those of the document', async () => {
  const told = Object.entries(openApiDocument.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  );
  expect(under(await servedRoutes(), / \/v1\/(?!stream)/)).toEqual([...told].sort());
});

test('the routes under /v3 are those of its page', async () => {
  const page = await readFile(new URL('../../../docs/OPENCOMPUTER.md', import.meta.url), 'utf8');
  const told = [...page.matchAll(/^([A-Z, ]+?) +(\/v3\/\S+)$/gm)].flatMap(([, methods, path]) =>
    (methods ?? '').split(', ').map((method) => `${method.toLowerCase()} ${path}`),
  );
  const served = under(await servedRoutes(), / \/v3\//).filter(
    (route) => !route.startsWith('head'),
  );
  expect(served).toEqual([...told].sort());
});

test('every operation has a name of its own, and every reference leads somewhere', () => {
  const text = JSON.stringify(openApiDocument);
  const ids = [...text.matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [, name = ''] of text.matchAll(/#\/components\/schemas\/(\w+)/g)) {
    expect(openApiDocument.components.schemas).toHaveProperty(name);
  }
});
