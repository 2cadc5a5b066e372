import { Sealer } from '@tidemark/auth';
import type { Role } from '@tidemark/edge';
import { createOutbound } from '@tidemark/platform';
import type { Outbound } from '@tidemark/ports';
import type { Secret } from '@tidemark/std';
import { Relay } from './relay.ts';
import { addSubscriptions } from './routes.ts';

export { isRefusal, type Refusal } from './refusal.ts';
export { Relay, type RelayOptions, type RelayParts } from './relay.ts';
export { relayDeclarations } from './settings.ts';
export { Subscriptions } from './subscriptions.ts';

export interface RelaySettings {
  readonly signingSecret?: Secret | undefined;
  readonly publicUrl?: string | undefined;
  /** With which the secrets of destinations are sealed. */
  readonly sealingKey?: Secret | undefined;
}

/** Delivers outward what is asked for: subscriptions, by webhook and by pull-wake. */
export const relayRole =
  ({ signingSecret, publicUrl, sealingKey }: RelaySettings = {}, outbound?: Outbound): Role =>
  ({ edge, tenancy }, platform) => {
    const { parts, shards, writers, writes } = platform;
    const sealer = sealingKey && new Sealer(sealingKey.reveal());
    const openSecret = (sealed: string, purpose: string): string | undefined =>
      sealer?.open(sealed, purpose);
    const relay = new Relay(
      { ...parts, shards, writers, writes, outbound: outbound ?? createOutbound(parts) },
      { permitsLoopback: tenancy.isKeyless, signingSecret, openSecret },
    );
    relay.start();
    addSubscriptions(edge, { relay, tenancy, publicUrl });
    return { end: () => relay[Symbol.asyncDispose]() };
  };
