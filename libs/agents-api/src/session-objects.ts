// A session and its turns in the words of `/v3`.

import { timestampText } from '@tidemark/protocol';
import type { EndedTurn, RunningTurn, StreamState } from '@tidemark/session';
import { type Fields, isFields, type LiveSession } from '@tidemark/sessions-api';
import { promptHashOf } from './agent-objects.ts';

export type RunStatus = 'queued' | 'running' | 'awaiting_input' | 'idle' | 'failed' | 'archived';

export const runStatuses: readonly RunStatus[] = [
  'queued',
  'running',
  'awaiting_input',
  'idle',
  'failed',
  'archived',
];

export function runStatusOf({ aspects, isClosed }: StreamState): RunStatus {
  const { turns, lifecycle, activity } = aspects;
  if (lifecycle.archivedAtMs !== undefined) return 'archived';
  if (isClosed) return lifecycle.endedAtMs === undefined ? 'failed' : 'idle';
  if (turns.running !== undefined) return 'running';
  if (activity.status === 'terminated') return 'failed';
  if (activity.status !== 'idle') return 'running';
  if (turns.waitingSeq !== undefined) return 'queued';
  const last = turns.ended.at(-1)?.reason;
  if (last === 'needs_input' || activity.pending.length > 0) return 'awaiting_input';
  return last === 'error' ? 'failed' : 'idle';
}

const isFailure: ReadonlySet<string> = new Set(['error']);

const endedObject = (turn: EndedTurn): Fields => ({
  id: turn.id,
  state: isFailure.has(turn.reason) ? 'error' : 'ok',
  yield_reason: turn.reason,
  started_at: timestampText(turn.startedAtMs),
  completed_at: timestampText(turn.endedAtMs),
  input_from_seq: turn.fromSeq + 1,
  input_to_seq: turn.endSeq,
  usage: { tokens: turn.tokens, steps: turn.steps },
  ...(turn.result === undefined ? {} : { result_event_id: turn.result.id }),
  ...(turn.error === undefined ? {} : { error: { message: turn.error } }),
});

const runningObject = (turn: RunningTurn, generation: number): Fields => ({
  id: turn.id,
  state: 'running',
  started_at: timestampText(turn.startedAtMs),
  input_from_seq: turn.fromSeq + 1,
  input_to_seq: turn.endSeq,
  usage: { tokens: turn.tokens, steps: turn.steps },
  worker: turn.worker,
  generation,
});

/** The newest first. */
export function turnObjects({ aspects }: StreamState): readonly Fields[] {
  const { running, ended, generation } = aspects.turns;
  const now = running === undefined ? [] : [runningObject(running, generation)];
  return [...now, ...ended.map(endedObject).reverse()];
}

/** Behind the last input that a turn has. */
function inputCursorOf({ aspects }: StreamState): number {
  const { running, ended } = aspects.turns;
  return running?.endSeq ?? ended.at(-1)?.endSeq ?? 0;
}

export function runObject({ name, stream }: LiveSession): Fields {
  const { profile, activity } = stream.aspects;
  const { run, agent = {} } = profile;
  const model = agent['model'];
  const { limits } = run ?? {};
  return {
    id: name,
    status: runStatusOf(stream),
    head: stream.tailSeq,
    input_cursor: inputCursorOf(stream),
    agent_id: agent['id'] ?? null,
    credential_id: run?.credentialId ?? null,
    agent_snapshot: {
      prompt_hash: promptHashOf(agent),
      model: isFields(model) ? model['id'] : (model ?? null),
      runtime: agent['runtime'] ?? 'claude',
      revision: agent['version'] ?? null,
    },
    last_turn: turnObjects(stream)[0] ?? null,
    usage: activity.usage,
    limits: {
      ...(limits?.tokens === undefined ? {} : { tokens: limits.tokens }),
      ...(limits?.turnSeconds === undefined ? {} : { turn_seconds: limits.turnSeconds }),
      ...(limits?.turns === undefined ? {} : { turns: limits.turns }),
    },
    metadata: run === undefined ? profile.metadata : run.metadata,
    key: run?.key ?? null,
    created_at: timestampText(stream.createdAtMs),
  };
}
