export { objectDeclarations, s3Declarations, s3SettingsOf } from './declared-settings.ts';
export { openS3Store, type S3StoreComponents, type S3StoreSettings } from './s3-store.ts';
