import { isIP } from 'node:net';
import { isLoopbackAddress, isPublicAddress } from './outbound-address.ts';

/** Webhooks to this machine are for development: while the server has no keys, and nobody else. */
export interface WebhookRules {
  readonly permitsLoopback: boolean;
}

const urlBytesMax = 2_048;

/** Names that lead into a network of one's own, or to a cloud's metadata. */
const privateSuffixes = ['localhost', 'local', 'localdomain', 'internal', 'intranet', 'home.arpa'];

const bareHost = ({ hostname }: URL): string => hostname.replace(/^\[|\]$|\.$/g, '');

const isDevelopmentHost = (host: string): boolean =>
  host === 'localhost' || /^127\.0\.0\.\d{1,3}$/.test(host);

/** The host as it was written: URL parsing turns 2130706433, 0x7f.1 and 0177.1 into 127.0.0.1. */
const writtenHost = (text: string): string =>
  /^[a-z]+:\/\/(\[[^\]]*\]|[^/:?#\\]*)/i.exec(text)?.[1]?.toLowerCase() ?? '';

/** Why a URL is refused; undefined where it may be delivered to. */
export function webhookMistake(text: string, rules: WebhookRules): string | undefined {
  if (text.length > urlBytesMax) return `webhook.url has at most ${urlBytesMax} characters`;
  if (!URL.canParse(text)) return 'webhook.url is no absolute URL';
  const url = new URL(text);
  const host = bareHost(url);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'webhook.url is an https URL';
  if (url.username !== '' || url.password !== '') return 'webhook.url carries no credentials';
  const isWritten = writtenHost(text).replace(/^\[|\]$|\.$/g, '') === host;
  if (isIP(host) === 4 && !isWritten) return 'webhook.url has an address in disguise';
  if (rules.permitsLoopback && isDevelopmentHost(host)) return undefined;
  if (url.protocol === 'http:') return 'webhook.url is an https URL';
  if (isIP(host) !== 0) {
    return isPublicAddress(host) ? undefined : 'webhook.url has an address that is not public';
  }
  const isPrivate =
    !host.includes('.') ||
    privateSuffixes.some((suffix) => host === suffix || host.endsWith(`.${suffix}`));
  return isPrivate ? 'webhook.url has a name that is not public' : undefined;
}

/** Judges the addresses that the name of a URL has when it is delivered to. */
export function permitsFor(text: string, rules: WebhookRules): (address: string) => boolean {
  const isDevelopment = rules.permitsLoopback && isDevelopmentHost(bareHost(new URL(text)));
  return isDevelopment ? isLoopbackAddress : isPublicAddress;
}
