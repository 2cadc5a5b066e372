import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { EdgeSettings } from './edge.ts';
import {
  answersTo,
  requestText,
  type Served,
  serveRoutes,
  settled,
  statusesIn,
} from './testing/served.ts';

const open: Served[] = [];

afterEach(async () => {
  for (const served of open.splice(0)) await served[Symbol.asyncDispose]();
});

async function serve(settings: EdgeSettings = {}): Promise<Served> {
  const served = await serveRoutes(settings);
  open.push(served);
  return served;
}

const last = requestText('GET /read', { headers: 'connection: close\r\n' });

describe('requests that are sent ahead', () => {
  test('begin one behind the other: each sees what the one before it did', async () => {
    const { port, echoed } = await serve();
    const writes = ['one', 'two', 'three'].map((body) => requestText('POST /echo', { body }));
    const text = await answersTo(port, writes.join('') + last);
    expect(statusesIn(text)).toEqual(['200', '200', '200', '200']);
    expect(text).toContain('read 3');
    expect(echoed).toEqual(['one', 'two', 'three']);
  });

  test('wait for one that waits', async () => {
    const { port, echoed, release } = await serve();
    const waiting = requestText('POST /wait', { body: 'x' });
    const answers = answersTo(port, waiting + requestText('POST /echo', { body: 'behind' }) + last);
    await settled();
    expect(echoed).toEqual([]);
    release();
    expect(statusesIn(await answers)).toEqual(['200', '200', '200']);
    expect(echoed).toEqual(['behind']);
  });

  test('are so many; the connection ends behind the last of them, and no other begins', async () => {
    const { port, echoed, release } = await serve({ bounds: { aheadMax: 3 } });
    const socket = connect(port, '127.0.0.1').setEncoding('latin1');
    socket.write(requestText('GET /read'));
    await once(socket, 'data');
    let text = '';
    socket.on('data', (piece) => {
      text += String(piece);
    });
    const write = requestText('POST /echo', { body: 'x' });
    socket.write(requestText('POST /wait', { body: 'x' }) + write.repeat(500));
    await settled();
    release();
    await once(socket, 'close');
    expect(statusesIn(text)).toEqual(['200', '200', '200', '200']);
    expect(echoed).toHaveLength(3);
  });

  test('are not looked at beyond that: nonsense behind them takes no answer away', async () => {
    const { port, release } = await serve({ bounds: { aheadMax: 3 } });
    const write = requestText('POST /echo', { body: 'x' });
    const waiting = requestText('POST /wait', { body: 'x' });
    const answers = answersTo(port, `${waiting}${write.repeat(4)}\0\0nonsense\r\n\r\n`);
    await settled();
    release();
    expect(statusesIn(await answers)).toEqual(['200', '200', '200', '200']);
  });

  test('that are too many of a peer that is gone keep nothing', async () => {
    const served = await serve({ bounds: { aheadMax: 1 } });
    const socket = connect(served.port, '127.0.0.1');
    const write = requestText('POST /echo', { body: 'x' });
    socket.write(requestText('POST /wait', { body: 'x' }) + write.repeat(10));
    await settled();
    socket.resetAndDestroy();
    served.release();
    await settled();
    expect(await (await fetch(`${served.url}/read`)).text()).toContain('read');
  });

  test('that ask for another protocol are served in this one', async () => {
    const { port } = await serve();
    const headers = 'connection: upgrade, close\r\nupgrade: other\r\n';
    expect(statusesIn(await answersTo(port, requestText('GET /read', { headers })))).toEqual([
      '200',
    ]);
  });
});

describe('targets and hosts', () => {
  test('a target in absolute form is served as its path, by its host', async () => {
    const { port } = await serve();
    const ask = (target: string): Promise<string> =>
      answersTo(port, requestText(`GET ${target}`, { headers: 'connection: close\r\n' }));
    expect(statusesIn(await ask('http://localhost:80/read'))).toEqual(['200']);
    expect(statusesIn(await ask('http://evil.test/read'))).toEqual(['403']);
  });

  test('two hosts are none', async () => {
    const { port } = await serve();
    const text = await answersTo(
      port,
      requestText('GET /read', { headers: 'Host: localhost\r\n' }),
    );
    expect(statusesIn(text)).toEqual(['400']);
  });

  test('a method that a path does not take is told from a path that is none', async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/echo`, { method: 'PATCH', body: 'x' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await answer.json()).toMatchObject({ code: 'method-not-allowed', allowed: ['POST'] });
    expect((await fetch(`${url}/nowhere`, { method: 'PATCH' })).status).toBe(404);
  });
});
