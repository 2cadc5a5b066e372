import { type Bar, type BenchmarkResult, type Row, spreadText } from './result.ts';

type Column = readonly [title: string, cell: (row: Row) => string];

const number = (value: number | undefined): string => {
  if (value === undefined || Number.isNaN(value)) return '';
  if (value >= 1_000) return Math.round(value).toLocaleString('en-US');
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
};

const columns: readonly Column[] = [
  ['what', ({ what }) => what],
  ['contestant', ({ contestant }) => contestant],
  ['p50 ms', ({ p50Ms }) => number(p50Ms)],
  ['p95 ms', ({ p95Ms }) => number(p95Ms)],
  ['p99 ms', ({ p99Ms }) => number(p99Ms)],
  ['per second', ({ perSecond }) => number(perSecond)],
  ['CPU s/million', ({ cpuSecondsPerMillion }) => number(cpuSecondsPerMillion)],
  ['peak MiB', ({ peakMib }) => number(peakMib)],
  ['our rate / this', ({ rateRatio }) => (rateRatio === undefined ? '' : spreadText(rateRatio))],
  ['our p99 / this', ({ p99Ratio }) => (p99Ratio === undefined ? '' : spreadText(p99Ratio))],
  ['our CPU / this', ({ cpuRatio }) => (cpuRatio === undefined ? '' : spreadText(cpuRatio))],
  ['remarks', remarks],
];

function remarks({ more = {}, errors = 0 }: Row): string {
  const { rateMin, rateMax, generatorBusy, ...others } = more;
  const range =
    rateMin === undefined || rateMin === rateMax ? [] : [`rounds ${rateMin} to ${rateMax}`];
  const busy =
    generatorBusy === undefined || generatorBusy === 0
      ? []
      : [`generator ${Math.round(Number(generatorBusy) * 100)} % busy`];
  const failed = errors === 0 ? [] : [`ERRORS ${errors}`];
  const named = Object.entries(others).map(([name, value]) => `${name} ${value}`);
  return [...failed, ...range, ...busy, ...named].join('; ');
}

/** As Markdown, so that it can be read on a terminal and kept in a document. */
export function tableText(rows: readonly Row[]): string {
  const shown = columns.filter(([, cell]) => rows.some((row) => cell(row) !== ''));
  const cells = [
    shown.map(([title]) => title),
    ...rows.map((row) => shown.map(([, cell]) => cell(row).replaceAll(/[\n\r|]+/g, ' '))),
  ];
  const widths = shown.map((_, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0)),
  );
  const lines = cells.map(
    (line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}

export const barText = ({ verdict, text, measured }: Bar): string =>
  `${verdict.padEnd(7)} ${text}${measured === '' ? '' : ` -> ${measured}`}`;

export const resultText = ({ rows, bars, notes = [] }: BenchmarkResult): string =>
  [tableText(rows), '', ...bars.map(barText), ...notes.map((note) => `note: ${note}`)].join('\n');
