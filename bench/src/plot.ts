// A sweep as a picture: both axes logarithmic, one line a contestant.

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface PlotOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
}

const width = 720;
const height = 420;
const margin = { left: 80, right: 190, top: 44, bottom: 54 };
const colours = ['#0b6e4f', '#c8553d', '#3d5a80', '#e0a030', '#7b2d8b'];

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

export function plotSvg(series: readonly Series[], options: PlotOptions): string {
  const points = series.flatMap((one) => one.points).filter(([x, y]) => x > 0 && y > 0);
  const scale = (
    values: readonly number[],
    [from, to]: readonly [number, number],
  ): ((value: number) => number) => {
    const low = Math.log(Math.min(...values) / 1.2);
    const high = Math.log(Math.max(...values) * 1.2);
    return (value) => from + ((Math.log(value) - low) / (high - low)) * (to - from);
  };
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const atX = scale(xs, [margin.left, width - margin.right]);
  const atY = scale(ys, [height - margin.bottom, margin.top]);
  const line = ({ name, points: own }: Series, index: number): string => {
    const colour = colours[index % colours.length] ?? '#000';
    const path = own.map(([x, y]) => `${atX(x).toFixed(1)},${atY(y).toFixed(1)}`);
    const dots = path.map(
      (at) => `<circle cx="${at.replace(',', '" cy="')}" r="3" fill="${colour}"/>`,
    );
    const legendY = margin.top + 18 * index;
    const legendX = width - margin.right + 16;
    return [
      `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...dots,
      `<rect x="${legendX}" y="${legendY - 9}" width="10" height="10" fill="${colour}"/>`,
      `<text x="${legendX + 16}" y="${legendY}">${escaped(name)}</text>`,
    ].join('\n');
  };
  const ticks = (values: readonly number[]): number[] => [...new Set(values)];
  const decades = (values: readonly number[]): number[] => {
    const first = Math.floor(Math.log10(Math.min(...values)));
    const last = Math.ceil(Math.log10(Math.max(...values)));
    const all = Array.from({ length: last - first + 1 }, (_, step) => 10 ** (first + step));
    return all
      .flatMap((decade) => [decade, 2 * decade, 5 * decade])
      .filter((value) => value >= Math.min(...values) / 1.2 && value <= Math.max(...values) * 1.2);
  };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${margin.left}" y="24" font-size="15">${escaped(options.title)}</text>`,
    ...ticks(xs).map(
      (x) =>
        `<text x="${atX(x).toFixed(1)}" y="${height - margin.bottom + 18}" text-anchor="middle">${x}</text>`,
    ),
    ...decades(ys).map((y) => {
      const at = atY(y).toFixed(1);
      const rule = `<line x1="${margin.left}" x2="${width - margin.right}" y1="${at}" y2="${at}" stroke="#ddd"/>`;
      return `${rule}<text x="${margin.left - 8}" y="${at}" text-anchor="end">${y.toLocaleString('en-US')}</text>`;
    }),
    `<text x="${(margin.left + width - margin.right) / 2}" y="${height - 12}" text-anchor="middle">${escaped(options.xLabel)}</text>`,
    `<text transform="translate(16 ${height / 2}) rotate(-90)" text-anchor="middle">${escaped(options.yLabel)}</text>`,
    ...series.map(line),
    '</svg>',
    '',
  ].join('\n');
}
