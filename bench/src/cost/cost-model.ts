// What a workload costs a month: counters of a run, scaled to it, at list prices.

/** Of the benchmark `archive`. */
export interface ArchiveFigures {
  readonly events: number;
  readonly rawMib: number;
  readonly requests: Readonly<Record<string, number>>;
  readonly segments: { readonly count: number; readonly mib: number };
}

export interface Workload {
  readonly agents: number;
  readonly hoursADay: number;
  readonly eventsAnHour: number;
  /** Each event is read so often by whoever follows or resumes. */
  readonly readsAnEvent: number;
  readonly keptMonths: number;
  /** In which somebody writes: what goes by time goes then. */
  readonly activeHoursADay: number;
}

/** Processor time of a million events, one a request: the table `cost` of docs/PERFORMANCE.md. */
const cpuSecondsPerMillion = { server: 264 + 163, brokers: 218 + 686 + 239 };

/**
 * Of a shard that is written to all the time, an hour: a publication each minute, of two tables and a manifest, and a
 * segment each five minutes, of itself and a manifest; each manifest is read before, and each object looked at behind.
 */
const timed = { puts: 60 * 3 + 12 * 2, gets: 60 * 3 + 12 * 3 };

/** In dollars, as listed for us-east-1 in November 2026. */
export const prices = {
  putPerThousand: 0.005,
  getPerThousand: 0.0004,
  storedGibMonth: 0.023,
  diskGibMonth: 0.08,
  /** A burstable machine of 2 vCPUs and 2 GiB, a month. */
  smallMachine: 12.26,
  vcpuHour: 0.0416,
};

export interface Row {
  readonly what: string;
  readonly amount: string;
  readonly dollars: number;
}

const hours = 730;
const days = 30;
const mibPerGib = 1_024;

export const eventsAMonth = ({ agents, hoursADay, eventsAnHour }: Workload): number =>
  agents * hoursADay * eventsAnHour * days;

/** What grows with the workload, whoever runs it. */
export function storageRows(figures: ArchiveFigures, workload: Workload): readonly Row[] {
  const scale = eventsAMonth(workload) / figures.events;
  const { put = 0, get = 0, getRange = 0, head = 0, list = 0 } = figures.requests;
  const activeHours = workload.activeHoursADay * days;
  const puts = Math.max((put + list) * scale, activeHours * timed.puts);
  const readGets = (get + head + getRange) * scale * Math.max(1, workload.readsAnEvent);
  const gets = Math.max(readGets, activeHours * timed.gets);
  const gib = (figures.segments.mib / mibPerGib) * scale * workload.keptMonths;
  return [
    row(
      'writes of objects',
      `${Math.round(puts)} PUT and LIST`,
      (puts / 1_000) * prices.putPerThousand,
    ),
    row(
      'reads of objects',
      `${Math.round(gets)} GET and HEAD`,
      (gets / 1_000) * prices.getPerThousand,
    ),
    row('segments', `${gib.toFixed(1)} GiB kept`, gib * prices.storedGibMonth),
  ];
}

/** One process with the embedded log on one machine: durable as its disk is. */
export function embeddedRows(figures: ArchiveFigures, workload: Workload): readonly Row[] {
  const diskGib = 20;
  return [
    row('one small machine', `${hours} hours`, prices.smallMachine),
    row('its disk', `${diskGib} GiB`, diskGib * prices.diskGibMonth),
    ...storageRows(figures, workload),
  ];
}

/** A share of a cell that many tenants use: three copies in Kafka. */
export function sharedRows(figures: ArchiveFigures, workload: Workload): readonly Row[] {
  const millions = eventsAMonth(workload) / 1_000_000;
  const { server, brokers } = cpuSecondsPerMillion;
  const vcpuHours = (millions * (server + brokers)) / 3_600;
  const usedShare = 0.3;
  const diskGib = (3 * 256 * 2) / mibPerGib;
  return [
    row(
      'processors',
      `${vcpuHours.toFixed(1)} vCPU hours at ${usedShare * 100} % use`,
      (vcpuHours / usedShare) * prices.vcpuHour,
    ),
    row('disks of the brokers', `${diskGib.toFixed(1)} GiB`, diskGib * prices.diskGibMonth),
    ...storageRows(figures, workload),
  ];
}

const row = (what: string, amount: string, dollars: number): Row => ({ what, amount, dollars });

export function tableOf(rows: readonly Row[]): string {
  const total = rows.reduce((sum, { dollars }) => sum + dollars, 0);
  return [
    '| what | a month | dollars |',
    '| --- | --- | --- |',
    ...rows.map(({ what, amount, dollars }) => `| ${what} | ${amount} | ${dollars.toFixed(2)} |`),
    `| **together** | | **${total.toFixed(2)}** |`,
  ].join('\n');
}
