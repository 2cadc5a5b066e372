// As remarks of a row have them.

export const hundredths = (value: number): number => Math.round(value * 100) / 100;

export const mib = (bytes: number): number => Math.round(bytes / 104_857.6) / 10;
