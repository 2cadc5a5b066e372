export { openPlainStore } from './testing/plain-store.ts';
