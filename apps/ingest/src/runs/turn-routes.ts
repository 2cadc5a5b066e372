// What workers ask: to claim a turn, to report what was done in it, to end it. See docs/OPENCOMPUTER.md.

import { reportedEvents, runObject } from '@tidemark/agents-api';
import { bodyOf, type Edge, type EdgeReply, type EdgeRequest } from '@tidemark/edge';
import { limits, Problem, timestampText } from '@tidemark/protocol';
import { type Tenant, turnShelf, walkShelf } from '@tidemark/replica';
import {
  type Actor,
  decideClaimTurn,
  decideEndTurn,
  decideReportTurn,
  type EndedTurn,
  type Fence,
  type HeldTurn,
  isClaimable,
  isYieldReason,
} from '@tidemark/session';
import {
  countField,
  type Fields,
  fieldsOf,
  idOf,
  isFields,
  listField,
  malformed,
  requiredText,
  textField,
} from '@tidemark/sessions-api';
import { parameterIn, type Subject, subjectOf, submit, tell } from '../sessions/parts.ts';
import type { RunParts } from './parts.ts';

export function addTurnWrites(edge: Edge, parts: RunParts): void {
  edge.post('/v3/turns/claim', async (request, reply) => {
    const { tenant, by } = await parts.tenancy.identityOf(request);
    const asked = parseClaim(fieldsOf(bodyOf(request)));
    const claimed = await claim(parts, tenant, { asked, actor: { by, requestId: request.id } });
    reply.header('cache-control', 'no-store');
    return claimed === undefined ? reply.code(204).send() : reply.send(claimed);
  });

  const path = '/v3/sessions/:session/turns/:turn';
  edge.post(`${path}/report`, async (request, reply) => {
    const { subject, fields, fence } = await heldBy(parts, request);
    const events = reportedEvents(fields, fence.turn);
    const takesInputs = fields['take_inputs'] === true;
    const decide = decideReportTurn(fence, { events, takesInputs }, subject.actor);
    return sendHeld(reply, (await submit(parts, subject, decide)) as HeldTurn);
  });

  edge.post(`${path}/complete`, async (request, reply) => {
    const { subject, fields, fence } = await heldBy(parts, request);
    const reason = fields['outcome'] ?? fields['yield_reason'];
    if (!isYieldReason(reason)) throw malformed('outcome is the reason for which a turn yields');
    const ending = {
      reason,
      events: reportedEvents(fields, fence.turn),
      resultEventId: textField(fields, 'result_event_id', limits.tokenBytesMax),
      error: errorIn(fields['error'])?.slice(0, limits.turnErrorCharsMax),
    };
    const decide = decideEndTurn(fence, ending, subject.actor);
    const told = (await submit(parts, subject, decide)) as HeldTurn | EndedTurn;
    if ('turn' in told) return sendHeld(reply, told);
    const { turn: id, generation } = fence;
    return reply.send({ id, generation, is_over: true, yield_reason: told.reason });
  });
}

function errorIn(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const message = isFields(value) ? value['message'] : undefined;
  return typeof message === 'string' ? message : undefined;
}

interface Claim {
  readonly worker: string;
  readonly leaseMs: number;
  readonly agents: ReadonlySet<string>;
  readonly session: string | undefined;
}

function parseClaim(fields: Fields): Claim {
  const seconds = countField(fields, 'lease_seconds');
  const leaseMs = seconds === undefined ? limits.leaseMsDefault : seconds * 1_000;
  if (leaseMs < limits.leaseMsMin || leaseMs > limits.leaseMsMax) {
    const [min, max] = [limits.leaseMsMin / 1_000, limits.leaseMsMax / 1_000];
    throw malformed(`lease_seconds is ${min} to ${max}`);
  }
  return {
    worker: requiredText(fields, 'worker', limits.tokenBytesMax),
    leaseMs,
    agents: new Set(listField(fields, 'agents', 256).map(String)),
    session: textField(fields, 'session', limits.nameBytesMax),
  };
}

interface ClaimRequest {
  readonly asked: Claim;
  readonly actor: Actor;
}

/** The first turn that nobody runs, by when its session was made. */
async function claim(
  parts: RunParts,
  tenant: Tenant,
  { asked, actor }: ClaimRequest,
): Promise<Fields | undefined> {
  for await (const { name } of walkShelf(parts.shards, tenant, turnShelf)) {
    if (asked.session !== undefined && name !== asked.session) continue;
    const claimed = await claimOf(parts, { tenant, name }, { asked, actor });
    if (claimed !== undefined) return claimed;
  }
  return undefined;
}

async function claimOf(
  parts: RunParts,
  { tenant, name }: { readonly tenant: Tenant; readonly name: string },
  { asked, actor }: ClaimRequest,
): Promise<Fields | undefined> {
  const { replica, key } = parts.shards.locate(tenant, name);
  const nowMs = parts.shards.parts.clock.nowMs();
  const isWanted = await replica.with(key, ({ state: { stream } }) => {
    if (stream === undefined || !isClaimable(stream, nowMs)) return false;
    const agent = stream.aspects.profile.agent?.['id'];
    return asked.agents.size === 0 || asked.agents.has(String(agent));
  });
  if (!isWanted) return undefined;
  const turn = idOf('turn', parts.writers.newId());
  const { worker, leaseMs } = asked;
  const subject = { tenant, name: name as Subject['name'] };
  const decide = decideClaimTurn({ turn, worker, leaseMs }, actor);
  const held = (await submit(parts, subject, decide)) as HeldTurn | undefined;
  if (held === undefined) return undefined;
  const told = await tell(parts, subject, (live) => ({
    session: runObject(live),
    agent: live.stream.aspects.profile.agent ?? null,
    credentialId: live.stream.aspects.profile.run?.credentialId,
  }));
  const { session, agent, credentialId } = told;
  const credential =
    credentialId === undefined ? undefined : await parts.credentials.sealed(tenant, credentialId);
  return { turn: heldObject(held), session, agent, credential: credential ?? null };
}

async function heldBy(
  parts: RunParts,
  request: EdgeRequest,
): Promise<{ readonly subject: Subject; readonly fields: Fields; readonly fence: Fence }> {
  const subject = await subjectOf(parts, request);
  const { session } = await parts.tenancy.identityOf(request);
  if (session !== undefined) throw new Problem('forbidden', 'a client token runs no turn');
  const fields = fieldsOf(bodyOf(request));
  const generation = countField(fields, 'generation');
  if (generation === undefined) throw malformed('generation is the one of the claim');
  return { subject, fields, fence: { turn: parameterIn(request, 'turn'), generation } };
}

const heldObject = (held: HeldTurn): Fields => ({
  id: held.turn,
  generation: held.generation,
  is_over: held.isOver,
  yield_reason: held.reason ?? null,
  cancel_requested: held.isCanceled,
  lease_seconds: held.leaseMs / 1_000,
  started_at: timestampText(held.startedAtMs),
  deadline_at: timestampText(held.deadlineAtMs),
  input_from_seq: held.fromSeq + 1,
  input_to_seq: held.endSeq,
  /** Inputs behind those of the turn: taken with `take_inputs`, or the next turn's. */
  has_new_input: held.inputEndSeq > held.endSeq,
  head: held.tailSeq,
});

const sendHeld = (reply: EdgeReply, held: HeldTurn): EdgeReply => reply.send(heldObject(held));
