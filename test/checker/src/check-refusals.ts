// A refusal is a read: what it says has to be true of some moment between request and answer.

import type { Chain } from './chain.ts';
import type { Expiry } from './check-expiry.ts';
import type { Evidence, Life } from './life.ts';
import { absentCodes, type Lives } from './lives.ts';
import { earliestOf, type Operation, type Operations } from './operations.ts';
import type { Findings } from './violation.ts';

export interface Parts {
  readonly operations: Operations;
  readonly lives: Lives;
  readonly chains: ReadonlyMap<string, Chain>;
  readonly expiry: Expiry;
  readonly findings: Findings;
}

export function checkRefusals(parts: Parts): void {
  for (const op of parts.operations.all) {
    const { answer, call } = op;
    if (answer?.outcome !== 'refused') continue;
    const code = answer.code ?? '';
    if (absentCodes.has(code)) {
      checkAbsent(parts, op, code === 'session-not-found' ? call.fork?.source : undefined);
    } else if (code === 'session-exists' && call.fork === undefined) checkExists(parts, op);
    else if (code === 'producer-fenced') checkFenced(parts, op);
  }
  checkLoose(parts);
}

function checkAbsent(parts: Parts, op: Operation, source: string | undefined): void {
  const { operations, chains, expiry, findings } = parts;
  const session = source ?? op.call.session;
  const chain = chains.get(session);
  if (chain === undefined) return;
  const from = earliestOf(operations, op, session);
  const mayExpire = (life: Parameters<Expiry['mayHaveExpired']>[0]): boolean =>
    expiry.mayHaveExpired(life, op);
  if (chain.allowsAbsent(from, op.ended, mayExpire)) return;
  const message = `${op.call.type} found nothing where there is a session`;
  const isMortal = chain.lives.some((life) => expiry.hasLifetime(life));
  findings.add(isMortal ? 'expired-early' : 'stale-read', session, {
    message,
    ops: [op.call.op],
  });
}

/** A create may find another there only where another may have been. */
function checkExists({ operations, lives, chains, findings }: Parts, op: Operation): void {
  const { session } = op.call;
  const chain = chains.get(session);
  const from = earliestOf(operations, op);
  const isPossible = (lives.bySession.get(session) ?? []).some((life) => {
    const created = chain?.steps[chain.firstOf(life)]?.earliest.at ?? 0;
    const died = chain?.steps[chain.deathOf(life)]?.latest.at ?? 0;
    return created <= op.ended && died >= from;
  });
  // A source outlives its delete under its name, for as long as it has forks, or may be about to.
  const isSource = operations.all.some(({ call }) => call.fork?.source === session);
  if (isPossible || isSource || hasUnseenCreate(chain, op)) return;
  const message = 'refused for a session that is not there';
  findings.add('refusal-untrue', session, { message, ops: [op.call.op] });
}

/** A life of which nobody saw anything may still have been. */
function hasUnseenCreate(chain: Chain | undefined, op: Operation): boolean {
  return chain === undefined || chain.unseenCreates.some(({ began }) => began <= op.ended);
}

function checkFenced({ operations, findings }: Parts, op: Operation): void {
  const { producer, session } = op.call;
  if (producer === undefined) return;
  const isNewer = (other: Operation): boolean =>
    other.began <= op.ended &&
    other.call.producer?.id === producer.id &&
    other.call.producer.epoch > producer.epoch;
  if (operations.bySession.get(session)?.some(isNewer) === true) return;
  const message = `producer ${producer.id} was fenced, and nobody fenced it`;
  findings.add('refusal-untrue', session, { message, ops: [op.call.op] });
}

/** Of two lives the first has to have ended before the second began. */
export function checkDeaths({ chains, expiry, findings }: Parts): void {
  for (const [session, chain] of chains) {
    for (const [index, life] of chain.lives.slice(1).entries()) {
      const before = chain.lives[index] as Life;
      const by = life.creator ?? life.evidence[0]?.op;
      if (by === undefined || chain.mayHaveDied(before, by.ended)) continue;
      if (expiry.mayHaveExpired(before, by)) continue;
      // Both were so short that either may have come first.
      if (chain.mayPrecede(life, before)) continue;
      const message = 'created again while nothing had ended it';
      const ops = [before.creator, by].flatMap((op) => (op === undefined ? [] : [op.call.op]));
      findings.add('conflicting-conditions', session, { message, ops });
    }
  }
}

/** What was said of some life: it has to fit one. */
function checkLoose({ lives, chains, findings }: Parts): void {
  for (const [session, evidence] of lives.loose) {
    const chain = chains.get(session);
    for (const said of evidence) {
      if (chain === undefined || chain.unseenCreates.length > 0) continue;
      if (chain.lives.some((life) => chain.allows(life, asToldOf(life, said)))) continue;
      const { op, tail, closed } = said;
      const message = `${op.call.type} saw tail ${tail}${closed === true ? ', closed' : ''}, never so`;
      findings.add('stale-read', session, { message, ops: [op.call.op] });
    }
  }
}

/** Who closed a life that was deleted at once may be the only one to tell that it was closed. */
function asToldOf(life: Life, said: Evidence): Evidence {
  const isOwnClose = said.role === 'write' && said.closed === true;
  if (!isOwnClose || life.closedAt !== undefined) return said;
  const isSeenOpen = life.evidence.some(({ from, closed, tail }) => {
    return from > said.to && (closed === false || tail > said.tail);
  });
  return isSeenOpen ? said : { ...said, closed: undefined };
}
