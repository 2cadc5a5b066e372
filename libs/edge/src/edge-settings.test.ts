import { processDeclarations } from '@tidemark/platform';
import { readSettings } from '@tidemark/std';
import { describe, expect, test } from 'vitest';
import { checkKeys, edgeDeclarations } from './edge-settings.ts';

const check = (env: Record<string, string>): void =>
  checkKeys(readSettings({ ...processDeclarations, ...edgeDeclarations }, 'TIDEMARK_', env));

const key = 'a'.repeat(24);

describe('a server without an admin key', () => {
  test.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('listens on %s', (host) => {
    expect(() => check({ TIDEMARK_HOST: host })).not.toThrow();
  });

  test.each(['0.0.0.0', '::', '10.0.0.1', 'box.local', '127.0.0.1.evil.test'])(
    'does not start on %s, and says how to make a key',
    (host) => {
      expect(() => check({ TIDEMARK_HOST: host })).toThrow('openssl rand -hex 32');
      check({ TIDEMARK_HOST: host, TIDEMARK_ADMIN_KEY: key });
    },
  );
});

describe('an admin key', () => {
  test.each(['a', 'a'.repeat(23), 'a'.repeat(257), `${key} `, `ü${key}`, `${key}\u0001`])(
    'is not %j',
    (adminKey) => {
      expect(() => check({ TIDEMARK_ADMIN_KEY: adminKey })).toThrow('visible ASCII');
    },
  );

  test('is never shown by what is wrong with it', () => {
    expect(() => check({ TIDEMARK_ADMIN_KEY: 'too-short' })).not.toThrow('too-short');
  });
});
