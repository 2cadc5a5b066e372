import { Chain } from './chain.ts';
import { checkActs } from './check-acts.ts';
import { checkBudgets } from './check-budgets.ts';
import { checkEvents } from './check-events.ts';
import { Expiry } from './check-expiry.ts';
import { checkFacts } from './check-facts.ts';
import { ForkCheck } from './check-forks.ts';
import { checkKeeping } from './check-keeping.ts';
import { checkOrder } from './check-order.ts';
import { checkDeaths, checkRefusals } from './check-refusals.ts';
import { checkSubscriptions } from './check-subscriptions.ts';
import type { Entry } from './history.ts';
import { LivesBuilder } from './lives.ts';
import { operationsOf } from './operations.ts';
import { Findings, type Violation } from './violation.ts';

/** Everything that a history shows and must not. n log n in its entries. */
export function checkHistory(entries: readonly Entry[]): Violation[] {
  const findings = new Findings();
  const operations = operationsOf(entries, findings);
  const lives = new LivesBuilder(operations, findings).build();
  new ForkCheck(operations, lives, findings).run();
  checkEvents(operations, lives, findings);
  checkOrder(operations, lives, findings);
  const chains = new Map<string, Chain>();
  for (const [session, inSession] of lives.bySession) {
    const chain = new Chain(session, inSession, operations);
    chains.set(session, chain);
    chain.report(findings);
  }
  const expiry = new Expiry(operations);
  const parts = { operations, lives, chains, expiry, findings };
  checkRefusals(parts);
  checkDeaths(parts);
  expiry.check(lives, findings);
  checkSubscriptions(operations, lives, findings);
  checkFacts(operations, findings);
  checkActs(operations, findings);
  checkBudgets(operations, findings);
  checkKeeping(operations, findings);
  return findings.found;
}
