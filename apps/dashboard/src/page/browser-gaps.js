// Before any module of others: what they take for granted, and not every browser has.

// Modules that are written for bundlers ask for a process.
/** @type {any} */ (globalThis).process = { env: { NODE_ENV: 'production' } };

// Where the system has no language, Chromium tells one that its own formats refuse.
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US' });
}

export {};
