// A short run of what `agents-main.ts` does for as long as one likes, and that its checks can fail.

import { expect, test } from 'vitest';
import { checkSession, type ToldSession } from './agent-checks.ts';
import { type AgentRunReport, runAgents } from './agent-run.ts';
import { agentText } from './agent-text.ts';

const say = (line: string): void => console.log(line);

/** Told by the check that has to see it. */
const tamperings: readonly [string, (session: ToldSession) => ToldSession][] = [
  ['lost "never there"', (told) => ({ ...told, said: [...told.said, 'never there'] })],
  ['was not delivered', (told) => ({ ...told, received: new Map() })],
  ['is in 0 turns', (told) => ({ ...told, turns: [] })],
  ['is running', (told) => ({ ...told, status: 'running' })],
  [
    'step 2 of',
    ({ events, ...told }) => ({
      ...told,
      events: events.filter(({ type, body }) => type !== 'work.step' || body.step !== 1),
    }),
  ],
  [
    'begins at',
    ({ events, ...told }) => ({
      ...told,
      events: events.filter(({ type }) => type !== 'turn.completed'),
    }),
  ],
];

test('workers, relays and receivers are killed and stalled, and nothing is lost or done twice', async () => {
  const report: AgentRunReport = await runAgents({ seed: 5, seconds: 30, say });
  say(agentText(report));
  expect(report.wrong).toEqual([]);
  expect(report.sessions.length).toBeGreaterThan(4);
  const unseen = tamperings.filter(([what, tamper]) => {
    const told = report.sessions.flatMap((session) => checkSession(tamper(session)));
    return !told.some((line) => line.includes(what));
  });
  expect(unseen.map(([what]) => what)).toEqual([]);
});
