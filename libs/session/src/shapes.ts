// Checks of what stood in a record's value: it may be anybody's.

export type Fields = Readonly<Record<string, unknown>>;
export type Check = (value: unknown) => boolean;

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null;
export const isText = (value: unknown): value is string => typeof value === 'string';
export const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
export const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;

export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

export const shaped =
  (shape: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isFields(value) && Object.entries(shape).every(([name, check]) => check(value[name]));

export const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
