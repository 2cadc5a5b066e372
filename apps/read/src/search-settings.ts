import { type SessionSearchSettings, sessionSearchDefaults } from '@tidemark/session-search';
import { integer } from '@tidemark/std';

const mebibyte = 1_024 * 1_024;

/** Enough for what is asked of ten million events like those of agents. */
export const searchMemoryMib = 512;

export const searchDeclarations = {
  searchMemoryMib: integer({
    env: 'TIDEMARK_SEARCH_MEMORY_MIB',
    purpose: 'MiB of the published index of events kept in memory; the rest is read again',
    min: 1,
    max: 1_048_576,
    fallback: searchMemoryMib,
  }),
} as const;

export const searchSettingsOf = (settings: {
  readonly searchMemoryMib: number;
}): SessionSearchSettings => ({
  ...sessionSearchDefaults,
  decodedBytesMax: settings.searchMemoryMib * mebibyte,
});
