export { createLogger, type LoggerSettings, type LogLevel, type LogTarget } from './logger.ts';
export { createMetrics, type RenderedMetrics } from './metrics.ts';
