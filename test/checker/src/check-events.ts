// Where events came from: somebody wrote each, once, nobody was refused, and none moved from one life
// of its session into another.

import type { Life } from './life.ts';
import type { Lives } from './lives.ts';
import { isRefused, type Operations, type Written } from './operations.ts';
import type { Findings } from './violation.ts';

export function checkEvents(operations: Operations, lives: Lives, findings: Findings): void {
  const livedIn = new Map<Written, Life[]>();
  for (const inSession of lives.bySession.values()) {
    for (const life of inSession) {
      for (const written of ownOf(operations, life, findings)) {
        const known = livedIn.get(written) ?? [];
        livedIn.set(written, known);
        known.push(life);
      }
    }
  }
  for (const [written, inLives] of livedIn) checkWritten(written, inLives, findings);
}

function ownOf(operations: Operations, life: Life, findings: Findings): Written[] {
  const { session, slots } = life;
  const own: Written[] = [];
  for (const slot of slots) {
    if (slot === undefined || slot.name.startsWith('cut:')) continue;
    const written = operations.written.get(slot.name);
    if (written?.session === session) own.push(written);
    if (written !== undefined) continue;
    const message = `${slot.name} was written by nobody`;
    findings.add('event-invented', session, { message, ops: [slot.op.call.op] });
  }
  return own;
}

function checkWritten(written: Written, lives: readonly Life[], findings: Findings): void {
  const { name, session, attempts } = written;
  const ops = attempts.map(({ call }) => call.op);
  const landed = attempts.filter((attempt) => !isRefused(attempt));
  if (landed.length === 0) {
    const message = `${name} stands, and its writer was told that it does not`;
    findings.add('refused-event-stands', session, { message, ops });
  } else if (lives.length > landed.length) {
    const message = `${name} was written ${landed.length} times and lived ${lives.length} times`;
    findings.add('former-self', session, { message, ops });
  }
}
