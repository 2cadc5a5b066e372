export {
  SessionSearch,
  type SessionSearchParts,
  type SessionSearchSettings,
  sessionNameIn,
  sessionSearchDefaults,
} from './session-search.ts';
