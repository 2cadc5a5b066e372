// node fastify-echo-main.ts <port>: takes a body as bytes and answers 204.

import { argv } from 'node:process';
import { fastify } from 'fastify';

const app = fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
app.post('/v1/stream/*', (_, reply) => reply.code(204).send());
await app.listen({ port: Number(argv[2]), host: '127.0.0.1' });
