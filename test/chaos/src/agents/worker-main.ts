// A worker that takes some steps in each turn, says each to the log, and is killed and stalled meanwhile. Steps
// that the log has are not taken again.

import { argv } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { type Turn, type TurnEnding, TurnWorker } from '@tidemark/client/worker';

const [url = '', name = ''] = argv.slice(2);
const stepsMax = 4;
const outcomes = ['completed', 'needs_input', 'error'] as const;

async function stepsOf(turn: Turn): Promise<number> {
  let steps = 0;
  for await (const { type, turn_id: of } of turn.events()) {
    if (type === 'work.step' && of === turn.id) steps += 1;
  }
  return steps;
}

async function work(turn: Turn): Promise<TurnEnding> {
  const { generation } = turn.held;
  for (let step = (await stepsOf(turn)) + 1; step <= stepsMax; step += 1) {
    const call_id = `${turn.id} ${step} ${generation}`;
    await turn.report([{ type: 'tool.call', body: { call_id, tool: 'step', args: { step } } }]);
    await delay(20 + Math.random() * 100, undefined, { signal: turn.signal });
    const done = { step, worker: name, generation };
    await turn.report(
      [
        { type: 'tool.result', body: { call_id, text: String(step) } },
        { type: 'work.step', id: `${turn.id} step ${step}`, body: done },
      ],
      { takesInputs: turn.held.has_new_input && Math.random() < 0.5 },
    );
  }
  const outcome = outcomes[Math.floor(Math.random() * outcomes.length)] ?? 'completed';
  return { outcome, events: [{ type: 'agent.message', body: { text: turn.id } }] };
}

const worker = new TurnWorker({ url, name, leaseSeconds: 2 });
await worker.run(work, { signal: new AbortController().signal, turnsMax: 3 });
