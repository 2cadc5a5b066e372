import type { Workload } from './cost-model.ts';

/**
 * A thousand agents, an hour a day each, somewhere in twelve hours, an event every five seconds; each event read twice,
 * kept for a month.
 */
export const referenceWorkload: Workload = {
  agents: 1_000,
  hoursADay: 1,
  eventsAnHour: 720,
  readsAnEvent: 2,
  keptMonths: 1,
  activeHoursADay: 12,
};
