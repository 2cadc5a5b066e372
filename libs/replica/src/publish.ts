export {
  Publisher,
  type PublisherParts,
  type PublisherSettings,
  publisherDefaults,
} from './publisher.ts';
