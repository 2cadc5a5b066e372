export { kafkaDeclarations, kafkaSettingsOf } from './declared-settings.ts';
export { openKafkaLog } from './kafka-log.ts';
export type { KafkaComponents, KafkaSasl, KafkaSettings, KafkaTls } from './settings.ts';
