// Numbers, times and sizes, short and of even width.

const units = [
  ['T', 1e12],
  ['G', 1e9],
  ['M', 1e6],
  ['k', 1e3],
];

/** @param {number | undefined} value */
export function shortCount(value) {
  if (value === undefined || !Number.isFinite(value)) return '';
  for (const [unit, size] of /** @type {[string, number][]} */ (units)) {
    if (Math.abs(value) >= size) {
      const scaled = value / size;
      return `${scaled.toFixed(Math.abs(scaled) < 10 ? 1 : 0)}${unit}`;
    }
  }
  return String(Math.round(value * 10) / 10);
}

/**
 * @param {number} count
 * @param {string} noun
 */
export const counted = (count, noun) => `${shortCount(count)} ${noun}${count === 1 ? '' : 's'}`;

/** @param {number} bytes */
export const byteSize = (bytes) => `${shortCount(bytes)}B`;

/** @param {number | undefined} ms */
export function duration(ms) {
  if (ms === undefined) return '';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.round((ms % 60_000) / 1_000)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d`;
}

/**
 * @param {string | null | undefined} time
 * @param {number} nowMs
 */
export function age(time, nowMs) {
  const ms = nowMs - Date.parse(String(time));
  if (Number.isNaN(ms)) return '';
  if (ms < 5_000) return 'now';
  if (ms < 60_000) return `${Math.floor(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

/** @param {string | number | null | undefined} time */
export function clockTime(time) {
  const at = new Date(time ?? Number.NaN);
  if (Number.isNaN(at.getTime())) return '';
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

/** @param {string | null | undefined} time */
export function dateTime(time) {
  const at = new Date(time ?? Number.NaN);
  if (Number.isNaN(at.getTime())) return '';
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()]
    .map((part) => String(part).padStart(2, '0'))
    .join('-');
  return `${day} ${clockTime(time ?? '')}`;
}

/**
 * Of whole cents.
 * @param {Record<string, any> | undefined} cost
 */
export function money(cost) {
  const amount = Number(cost?.['amount']);
  if (cost === undefined || !Number.isFinite(amount)) return '';
  const value = (amount / 100).toFixed(2);
  return cost['currency'] === 'USD' ? `$${value}` : `${value} ${cost['currency'] ?? ''}`;
}

/** @param {Record<string, any> | undefined} usage */
export const tokenCount = (usage) =>
  Number(usage?.['input_tokens'] ?? 0) + Number(usage?.['output_tokens'] ?? 0);
