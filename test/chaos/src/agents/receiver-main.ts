// A receiver that answers once it has written down what it got.

import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { argv } from 'node:process';

const [port = '', file = ''] = argv.slice(2);

interface Posted {
  readonly sessionId: string;
  readonly event: { readonly seq: number };
}

createServer((request, reply) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { sessionId: session, event } = JSON.parse(Buffer.concat(chunks).toString()) as Posted;
    const id = request.headers['webhook-id'];
    appendFileSync(file, `${JSON.stringify({ session, seq: event.seq, id })}\n`);
    reply.end('{}');
  });
}).listen(Number(port), '127.0.0.1');
