import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  choice,
  integer,
  list,
  optional,
  readSettings,
  Secret,
  SettingsMistakes,
  secret,
  text,
} from './settings.ts';

const declarations = {
  port: integer({ env: 'APP_PORT', purpose: 'port', min: 0, max: 65_535, fallback: 80 }),
  mode: choice({ env: 'APP_MODE', purpose: 'mode', among: ['a', 'b'], fallback: 'a' }),
  brokers: list({ env: 'APP_BROKERS', purpose: 'brokers', fallback: ['x:1'] }),
  name: optional(text({ env: 'APP_NAME', purpose: 'name' })),
  key: secret({ env: 'APP_KEY', purpose: 'key' }),
};

describe('readSettings', () => {
  test('takes what is given and falls back for the rest', () => {
    const settings = readSettings(declarations, 'APP_', { APP_KEY: 'k', APP_PORT: '0', HOME: '/' });
    expect(settings).toMatchObject({ port: 0, mode: 'a', brokers: ['x:1'], name: undefined });
    expect(settings.key.reveal()).toBe('k');
  });

  test('reports every mistake at once, unknown names included', () => {
    const read = () =>
      readSettings(declarations, 'APP_', { APP_PORT: '65536', APP_MODE: 'c', APP_PROT: '1' });
    expect(read).toThrow(SettingsMistakes);
    try {
      read();
    } catch (mistakes) {
      expect((mistakes as SettingsMistakes).mistakes).toEqual([
        'APP_PROT is not a setting',
        'APP_PORT must be an integer from 0 to 65535',
        'APP_MODE must be one of a, b',
        'APP_KEY is missing: key',
      ]);
    }
  });

  test.each(['', '1.5', '-1', ' 1', '1e3'])('refuses %j as an integer', (given) => {
    const read = () => readSettings(declarations, 'APP_', { APP_KEY: 'k', APP_PORT: given });
    expect(read).toThrow('must be an integer');
  });
});

test('a secret shows its value in no form but by reveal', () => {
  const shown = new Secret('hidden value');
  const forms = [String(shown), JSON.stringify({ shown }), inspect(shown)];
  for (const form of forms) expect(form).not.toContain('hidden');
  expect(shown.reveal()).toBe('hidden value');
});
