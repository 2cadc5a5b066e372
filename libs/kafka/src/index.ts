export { openKafkaLog } from './kafka-log.ts';
export type { KafkaComponents, KafkaSasl, KafkaSettings, KafkaTls } from './settings.ts';
