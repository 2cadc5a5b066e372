import { optional, secret, text } from '@tidemark/std';

/** What the relay reads from the environment besides what every process does. */
export const relayDeclarations = {
  signingSecret: optional(
    secret({
      env: 'TIDEMARK_SIGNING_SECRET',
      purpose:
        'what webhook and token keys are derived from, the same for all relays; without it they are kept in the control log',
    }),
  ),
  publicUrl: optional(
    text({
      env: 'TIDEMARK_PUBLIC_URL',
      purpose: 'where webhooks call back to; without it, where the subscription was created',
    }),
  ),
} as const;
