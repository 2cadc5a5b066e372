import { describe, expect, test } from 'vitest';
import { type OriginSettings, Origins } from './origins.ts';

const keyless = (settings: OriginSettings = {}): Origins =>
  new Origins(settings, { isKeyless: true });
const codeOf = (origins: Origins, headers: Record<string, string>): string | undefined =>
  origins.refusalOf(headers)?.code;

describe('a server without keys', () => {
  test.each([
    'localhost',
    'localhost:4437',
    'LOCALHOST:1',
    '127.0.0.1:4437',
    '127.1.2.3',
    '[::1]:80',
  ])('is called %s', (host) => {
    expect(codeOf(keyless(), { host })).toBeUndefined();
  });

  test.each([
    'evil.test',
    'evil.test:4437',
    'localhost.evil.test',
    '127.0.0.1.evil.test',
    '10.0.0.1:4437',
    '[fe80::1]',
    'localhost@evil.test',
    '',
  ])('is not called %s', (host) => {
    expect(codeOf(keyless(), { host })).toBe('origin-refused');
  });

  test('is called by a name that was set', () => {
    const origins = keyless({ allowedHosts: ['Box.local'] });
    expect(codeOf(origins, { host: 'box.local:4437' })).toBeUndefined();
  });

  const host = 'localhost:4437';

  test('a link from anywhere opens a page of its own, in a tab and in nothing else', () => {
    const link = { host, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    const opened = { ...link, 'sec-fetch-dest': 'document' };
    const pageCodeOf = (headers: Record<string, string>): string | undefined =>
      keyless().refusalOf(headers, true)?.code;
    expect(pageCodeOf(opened)).toBeUndefined();
    expect(pageCodeOf({ ...link, 'sec-fetch-dest': 'iframe' })).toBe('origin-refused');
    expect(pageCodeOf({ ...opened, 'sec-fetch-mode': 'no-cors' })).toBe('origin-refused');
    expect(pageCodeOf({ ...opened, host: 'evil.test' })).toBe('origin-refused');
    expect(pageCodeOf({ ...opened, origin: 'http://evil.test' })).toBe('origin-refused');
    expect(codeOf(keyless(), opened)).toBe('origin-refused');
  });

  test.each([
    ['a program', {}],
    ['its own page', { origin: 'http://localhost:4437' }],
    ['its own page, over TLS that ends before it', { origin: 'https://localhost:4437' }],
    ['what a user typed', { 'sec-fetch-site': 'none' }],
    ['its own page without an origin', { 'sec-fetch-site': 'same-origin' }],
  ])('serves %s', (_what, headers) => {
    expect(codeOf(keyless(), { host, ...headers })).toBeUndefined();
  });

  test.each([
    ['a page of elsewhere', { origin: 'https://evil.test' }],
    ['a page of another port', { origin: 'http://localhost:3000' }],
    ['a page without an origin of its own', { origin: 'null' }],
    ['an image in a page of elsewhere', { 'sec-fetch-site': 'cross-site' }],
    ['an image in a page of another port', { 'sec-fetch-site': 'same-site' }],
  ])('does not serve %s', (_what, headers) => {
    expect(codeOf(keyless(), { host, ...headers })).toBe('origin-refused');
  });

  test('serves a page of an allowed origin, which may read the answer', () => {
    const origins = keyless({ allowedOrigins: ['https://app.example'] });
    const headers = { host, origin: 'https://app.example' };
    expect(codeOf(origins, headers)).toBeUndefined();
    expect(Object.fromEntries(origins.answerHeaders(headers))).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      vary: 'origin',
    });
    expect(origins.preflightHeaders(headers)).toHaveProperty('access-control-allow-headers');
    expect(Object.fromEntries(origins.answerHeaders({ host }))).toEqual({ vary: 'origin' });
  });

  test('serves any page where any origin is allowed, by a name of this machine still', () => {
    const origins = keyless({ allowedOrigins: ['*'] });
    expect(codeOf(origins, { host, origin: 'https://any.test' })).toBeUndefined();
    expect(codeOf(origins, { host, 'sec-fetch-site': 'cross-site' })).toBeUndefined();
    expect(codeOf(origins, { host: 'evil.test' })).toBe('origin-refused');
  });
});

test('with keys any name and any page is served, and no page may read but those of allowed origins', () => {
  const origins = new Origins({}, { isKeyless: false });
  const headers = { host: 'api.example', origin: 'https://evil.test' };
  expect(codeOf(origins, headers)).toBeUndefined();
  expect(origins.answerHeaders(headers)).toEqual([]);
  expect(origins.preflightHeaders(headers)).toEqual({});
});
