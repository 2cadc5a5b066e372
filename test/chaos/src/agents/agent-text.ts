import type { AgentRunReport } from './agent-run.ts';

export function agentText({ sessions, wrong, faults, received }: AgentRunReport): string {
  const events = sessions.flatMap((session) => session.events);
  const count = (type: string): number => events.filter((event) => event.type === type).length;
  return [
    `${sessions.length} sessions, ${events.length} events, ${count('user.message')} messages`,
    `${count('turn.started')} turns, ${count('turn.resumed')} taken over`,
    `${received} deliveries received`,
    ...[...faults].map(([kind, times]) => `${kind}: ${times}`),
    ...wrong.slice(0, 40),
    wrong.length === 0 ? 'nothing is wrong' : `${wrong.length} things are wrong`,
  ].join('\n');
}
