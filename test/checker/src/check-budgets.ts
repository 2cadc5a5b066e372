// What a session may take in. An append passes while there is room, however large it is; where there is none,
// only what settles does, and nothing is refused before.

import { isOk, isRefused, type Operation, type Operations } from './operations.ts';
import type { Findings } from './violation.ts';

export function checkBudgets(operations: Operations, findings: Findings): void {
  for (const [session, inSession] of operations.bySession) {
    const written = inSession.filter((operation) => !isRefused(operation));
    for (const operation of inSession) {
      const { call, answer } = operation;
      if (call.spend === undefined) continue;
      const { limit, isSettling } = call.spend;
      const ops = [call.op];
      const { first = 0 } = answer ?? {};
      if (isOk(operation) && !isSettling && first >= limit) {
        const message = `event ${first} of ${limit} was taken`;
        findings.add('budget-exceeded', session, { message, ops });
      }
      if (answer?.code !== 'budget-reached') continue;
      const most = mostEvents(written, operation);
      if (most >= limit && !isSettling) continue;
      const message = `refused behind ${most} events of ${limit}`;
      findings.add('refusal-untrue', session, { message, ops });
    }
  }
}

/** An act tells of itself by an event. */
function mostEvents(written: readonly Operation[], { ended }: Operation): number {
  let events = 0;
  for (const { call, began } of written) {
    if (began < ended) events += call.spend?.count ?? (call.type === 'act' ? 1 : 0);
  }
  return events;
}
