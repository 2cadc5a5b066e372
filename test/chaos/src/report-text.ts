import type { Violation } from '@tidemark/checker';
import type { ClusterRunReport } from './cluster-run.ts';
import type { EmbeddedRunReport } from './embedded-run.ts';

const sorted = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

export const violationText = ({ check, session, message, ops }: Violation): string =>
  `${check} ${session}: ${message} (${ops.join(', ')})`;

export function reportText(report: ClusterRunReport): string {
  const { seed, seconds, history, violations, crashes, faults, outages } = report;
  const longest = (wasController: boolean): string => {
    const all = outages.filter((outage) => outage.wasController === wasController);
    if (all.length === 0) return 'none seen';
    const longestMs = Math.max(...all.map((outage) => outage.longestMs));
    return `${longestMs.toFixed(0)} ms of ${all.length} measured`;
  };
  return [
    `seed ${seed}, ${seconds} s of faults: ${violations.length} violations, ${crashes.length} crashes`,
    `measured: ${history.acknowledgedEvents} events acknowledged in ${history.sessions.size} sessions`,
    `measured: faults: ${sorted(faults)}`,
    `measured: operations: ${sorted(history.operations)}`,
    `measured: ${history.unknownOutcomes} outcomes unknown to clients, ${report.unknownBatches} to writers`,
    `measured: ${report.voidRecords} void records`,
    `measured: longest without a write at one broker's kill: ${longest(false)}`,
    `measured: the same, where it was the active controller: ${longest(true)}`,
    ...violations.map(violationText),
    ...crashes,
    ...(violations.length + crashes.length === 0 ? [] : [`kept in ${report.folder}`]),
  ].join('\n');
}

export function embeddedText(report: EmbeddedRunReport): string {
  const { disk, history, violations, crashes, faults, folder } = report;
  return [
    `${disk} disk: ${violations.length} violations, ${crashes.length} crashes`,
    `measured: ${history.acknowledgedEvents} events acknowledged in ${history.sessions.size} sessions`,
    `measured: ${history.unknownOutcomes} outcomes unknown to clients`,
    `measured: faults: ${sorted(faults)}`,
    `measured: operations: ${sorted(history.operations)}`,
    ...violations.map(violationText),
    ...crashes,
    ...(violations.length + crashes.length === 0 ? [] : [`kept in ${folder}`]),
  ].join('\n');
}
