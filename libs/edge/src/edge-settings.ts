import { isKey, keyRule } from '@tidemark/auth';
import type { ProcessSettings } from '@tidemark/platform';
import { limits } from '@tidemark/protocol';
import { integer, list, optional, SettingsMistakes, type SettingsOf, text } from '@tidemark/std';

/** What an app reads from its environment that is asked over HTTP. */
export const edgeDeclarations = {
  host: text({ env: 'TIDEMARK_HOST', purpose: 'address to listen on', fallback: '127.0.0.1' }),
  port: integer({
    env: 'TIDEMARK_PORT',
    purpose: 'port to listen on; 0 takes a free one',
    min: 0,
    max: 65_535,
    fallback: 4_437,
  }),
  allowedOrigins: optional(
    list({
      env: 'TIDEMARK_ALLOWED_ORIGINS',
      purpose: 'origins of web pages that may use the server, as https://app.example; * for any',
    }),
  ),
  allowedHosts: optional(
    list({
      env: 'TIDEMARK_ALLOWED_HOSTS',
      purpose: 'without an admin key: names, besides localhost, that the server may be called by',
    }),
  ),
  longPollMs: integer({
    env: 'TIDEMARK_LONG_POLL_MS',
    purpose: 'how long a long-poll waits for an event',
    min: 100,
    max: 120_000,
    fallback: limits.longPollMs,
  }),
} as const;

type KeySettings = ProcessSettings & SettingsOf<typeof edgeDeclarations>;

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/** A server without keys is for its own machine only, and a key must be one. */
export function checkKeys({ host, adminKey }: KeySettings): void {
  if (adminKey === undefined) {
    if (isLoopback(host)) return;
    throw new SettingsMistakes([
      `TIDEMARK_HOST ${host} can be reached from elsewhere: listen on 127.0.0.1, or set TIDEMARK_ADMIN_KEY, for instance to the output of: ${keyMaker}`,
    ]);
  }
  if (isKey(adminKey.reveal())) return;
  throw new SettingsMistakes([
    `TIDEMARK_ADMIN_KEY must have ${keyRule}, for instance the output of: ${keyMaker}`,
  ]);
}

const keyMaker = 'openssl rand -hex 32';
