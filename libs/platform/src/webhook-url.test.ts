import { expect, test } from 'vitest';
import { permitsFor, webhookMistake } from './webhook-url.ts';

const keyed = { permitsLoopback: false };
const keyless = { permitsLoopback: true };

const never = [
  'http://10.0.0.1/hook',
  'https://10.0.0.1/hook',
  'https://172.16.9.9/',
  'https://192.168.0.1:8443/',
  'https://169.254.169.254/latest/meta-data',
  'http://169.254.169.254/',
  'https://100.100.100.200/',
  'https://0.0.0.0/',
  'https://127.1.0.1/',
  'https://[::1]/',
  'https://[::]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:10.0.0.1]/',
  'https://[fd00:ec2::254]/',
  'https://[fe80::1]/',
  'https://2130706433/',
  'http://2130706433/',
  'https://0x7f000001/',
  'https://0177.0.0.1/',
  'https://127.1/',
  'https://134744072/',
  'https://metadata.google.internal/',
  'https://printer.local/',
  'https://app.localhost/',
  'https://intranet/',
  'http://worker.example/',
  'ftp://worker.example/',
  'file:///etc/passwd',
  'https://user:secret@worker.example/',
  'https://worker.example@10.0.0.1/',
  '//worker.example/',
  'worker.example/hook',
  '',
  `https://worker.example/${'a'.repeat(2_048)}`,
];

test.each(never)('%s is refused, with keys and without', (url) => {
  expect(webhookMistake(url, keyed)).toBeTypeOf('string');
  expect(webhookMistake(url, keyless)).toBeTypeOf('string');
});

test.each([
  'http://localhost:9000/hook',
  'http://127.0.0.1:9000/hook',
  'http://127.0.0.255/',
  'https://localhost/',
])('%s is for a server without keys', (url) => {
  expect(webhookMistake(url, keyed)).toBeTypeOf('string');
  expect(webhookMistake(url, keyless)).toBeUndefined();
});

test.each([
  'https://worker.example/hooks',
  'https://WORKER.example:8443/hooks?a=b',
  'https://worker.example./',
  'https://8.8.8.8/',
  'https://[2606:4700:4700::1111]/',
])('%s is taken', (url) => {
  expect(webhookMistake(url, keyed)).toBeUndefined();
  expect(webhookMistake(url, keyless)).toBeUndefined();
});

test('the addresses of a public name have to be public, whoever serves', () => {
  const permits = permitsFor('https://worker.example/', keyless);
  expect(['127.0.0.1', '10.0.0.1', '::1'].some(permits)).toBe(false);
  expect(permits('8.8.8.8')).toBe(true);
});

test('a development host is this machine and nothing else', () => {
  const permits = permitsFor('http://localhost/', keyless);
  expect(permits('127.0.0.1')).toBe(true);
  expect(permits('10.0.0.1')).toBe(false);
  expect(permitsFor('https://localhost/', keyed)('127.0.0.1')).toBe(false);
});
