import { expect, test } from 'vitest';
import { keyFor, Refusal } from './http.ts';

const asked = (host: string, headers: Record<string, string>): string | undefined =>
  keyFor({ host, apiKey: 'own' }, { headers: { host: 'localhost:4439', ...headers } });

test('whoever shows a key is asked for with that, wherever it comes from', () => {
  const authorization = 'Bearer theirs';
  expect(asked('0.0.0.0', { authorization })).toBe('theirs');
  expect(asked('127.0.0.1', { authorization, origin: 'https://app.example' })).toBe('theirs');
});

test('the key of the command is for programs of its own machine alone', () => {
  for (const host of ['127.0.0.1', '::1', 'localhost', '127.8.8.8']) {
    expect(asked(host, {})).toBe('own');
    expect(() => asked(host, { origin: 'http://localhost:4439' })).toThrow(Refusal);
    expect(() => asked(host, { host: 'rebound.example' })).toThrow(Refusal);
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.7', 'tidemark.example', '127.example']) {
    expect(() => asked(host, {})).toThrow('show a key');
  }
});
