export {
  SessionSearch,
  type SessionSearchParts,
  type SessionSearchSettings,
  sessionNameIn,
} from './session-search.ts';
