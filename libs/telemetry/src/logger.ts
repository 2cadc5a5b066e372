import { type LogFields, type Logger, silentLogger } from '@tidemark/ports';
import { pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogTarget {
  write(line: string): unknown;
}

export interface LoggerSettings {
  readonly level: LogLevel;
  /** `json`: a line an event. `pretty`: for eyes. Without it: pretty on a terminal. */
  readonly form?: 'json' | 'pretty';
  /** Fields of every line. */
  readonly fields?: LogFields;
  readonly target?: LogTarget & { readonly isTTY?: boolean };
}

interface Levelled {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Levelled;
}

/** JSON lines on standard output, or lines for eyes where that is a terminal. */
export function createLogger(settings: LoggerSettings): Logger {
  const { level } = settings;
  if (level === 'silent') return silentLogger;
  const target = settings.target ?? standardOutput();
  const form = settings.form ?? (target.isTTY === true ? 'pretty' : 'json');
  const destination =
    form === 'json' ? target : { write: (line: string) => prettyTo(target, line) };
  const options = { level, messageKey: 'message', base: { ...settings.fields } };
  return loggerOver(pino(options, destination as { write(line: string): void }));
}

/** Whoever read it may go away; the process has other work than to be read. */
function standardOutput(): LogTarget & { readonly isTTY: boolean } {
  const { stdout } = process;
  let isRead = true;
  stdout.on('error', () => {
    isRead = false;
  });
  return { isTTY: stdout.isTTY, write: (line) => isRead && stdout.write(line) };
}

function loggerOver(log: Levelled): Logger {
  return {
    debug: (fields, message) => log.debug(plainFields(fields), message),
    info: (fields, message) => log.info(plainFields(fields), message),
    warn: (fields, message) => log.warn(plainFields(fields), message),
    error: (fields, message) => log.error(plainFields(fields), message),
    child: (fields) => loggerOver(log.child(plainFields(fields))),
  };
}

const plainFields = (fields: LogFields): LogFields =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainValue(value, 0)]));

const causesMax = 5;

/** What a line may hold: errors with their causes, offsets as text, bytes by their length only. */
function plainValue(value: unknown, depth: number): unknown {
  if (value instanceof Error) {
    const { name, message, stack, cause } = value;
    const facts = Object.fromEntries(Object.entries(value).filter(([, fact]) => isScalar(fact)));
    const inner =
      cause !== undefined && depth < causesMax ? plainValue(cause, depth + 1) : undefined;
    return { name, message, ...facts, ...(depth === 0 ? { stack } : {}), cause: inner };
  }
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  return value;
}

const isScalar = (value: unknown): boolean =>
  ['string', 'number', 'boolean', 'bigint'].includes(typeof value);

const levelNames: Readonly<Record<number, string>> = {
  20: 'debug',
  30: 'info',
  40: 'WARN',
  50: 'ERROR',
};

function prettyTo(target: LogTarget, line: string): void {
  const { level, time, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = new Date(Number(time)).toISOString().slice(11, 23);
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${shown(value)}`);
  target.write(
    `${clock} ${(levelNames[Number(level)] ?? '').padEnd(5)} ${String(message)}${rest.join('')}\n`,
  );
}

function shown(value: unknown): string {
  const stack = (value as { readonly stack?: unknown } | null)?.stack;
  if (typeof stack === 'string') return `\n${stack}`;
  return typeof value === 'string' && /^\S+$/.test(value) ? value : JSON.stringify(value);
}
