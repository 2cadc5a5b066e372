export {
  type CaseFile,
  claudeCases,
  claudeLongFile,
  type ImportCase,
} from './testing/claude-cases.ts';
export { codexCases } from './testing/codex-cases.ts';
export { opencodeCases } from './testing/opencode-cases.ts';
