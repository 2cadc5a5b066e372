export { textsOf } from './document.ts';
export { AgentLog, type AgentLogOptions } from './testing/agent-log.ts';
