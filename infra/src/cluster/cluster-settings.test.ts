import { expect, test } from 'vitest';
import { clusterSettings } from './cluster-settings.ts';

test('the cluster listens and keeps its data where npm start would', () => {
  expect(clusterSettings({})).toMatchObject({ port: 4_437, folder: '.tidemark/cluster' });
  const env = { TIDEMARK_PORT: '5000', TIDEMARK_DATA_DIR: '/data', PATH: '/bin' };
  expect(clusterSettings(env)).toMatchObject({ port: 5_000, folder: '/data/cluster' });
  expect(clusterSettings(env, '6000').port).toBe(6_000);
});

test('each process is given what it knows', () => {
  const { envOf } = clusterSettings({
    TIDEMARK_ADMIN_KEY: 'k'.repeat(24),
    TIDEMARK_PUBLIC_URL: 'https://tidemark.example',
    TIDEMARK_PORT: '1',
  });
  expect(envOf('ingest')).toEqual({ TIDEMARK_ADMIN_KEY: 'k'.repeat(24) });
  expect(Object.keys(envOf('relay'))).toEqual(['TIDEMARK_ADMIN_KEY', 'TIDEMARK_PUBLIC_URL']);
});

test.each([
  [{ TIDEMARK_KAFKA_BROKERS: 'a:1' }, 'TIDEMARK_KAFKA_BROKERS'],
  [{ TIDEMARK_HOST: '0.0.0.0' }, 'TIDEMARK_HOST'],
  [{ TIDEMARK_PORTT: '1' }, 'TIDEMARK_PORTT'],
  [{ TIDEMARK_PORT: '70000' }, 'TIDEMARK_PORT'],
  [{ TIDEMARK_PORT: '1e3' }, 'TIDEMARK_PORT'],
])('what it cannot obey is a mistake, by name: %o', (env, name) => {
  expect(() => clusterSettings(env)).toThrow(name);
});
