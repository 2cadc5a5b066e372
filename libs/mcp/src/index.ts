export { eventText, wordOf } from './event-text.ts';
export { answerHttp, type HttpAnswer } from './mcp-http.ts';
export { createMcpServer, type McpOptions, type McpServer } from './mcp-server.ts';
