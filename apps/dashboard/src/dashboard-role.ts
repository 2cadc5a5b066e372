// The pages, from memory. They are open to anybody: what they show is asked for with the key of whoever
// looks at them.

import type { Edge, Role } from '@tidemark/edge';
import { type Asset, loadAssets } from './assets.ts';
import { pageHeaders } from './page-policy.ts';

export const dashboardRole =
  (): Role =>
  ({ edge }) => {
    const { page, files, importMapHash } = loadAssets();
    const headers = pageHeaders(importMapHash);
    addAsset(edge, { path: '/', asset: page, headers, isPage: true });
    for (const [path, asset] of files) addAsset(edge, { path, asset, headers, isPage: false });
    return {};
  };

interface Served {
  readonly path: string;
  readonly asset: Asset;
  readonly headers: Readonly<Record<string, string>>;
  readonly isPage: boolean;
}

function addAsset(edge: Edge, { path, asset, headers, isPage }: Served): void {
  const { body, type, etag } = asset;
  edge.route({
    method: ['GET', 'HEAD'],
    url: path,
    config: { isOpen: true, isPage },
    handler: (request, reply) => {
      reply.headers(headers).header('etag', etag).header('cache-control', 'no-cache');
      const isKnown = request.headers['if-none-match']?.includes(etag) === true;
      if (isKnown) return reply.code(304).send();
      return reply.type(type).send(body);
    },
  });
}
