import type { Environment } from '../environment.ts';
import type { ReplayTarget } from './replay-target.ts';
import type { TopicOptions } from './topic-target.ts';

/** What only a replay into a topic needs is loaded by it. */
export async function openTopic(
  { openLog, timeMsOf, signal }: Environment,
  { topic, onSettled }: Pick<TopicOptions, 'topic' | 'onSettled'>,
): Promise<ReplayTarget> {
  const { TopicTarget } = await import('./topic-target.ts');
  const log = await openLog();
  const found = (await log.topics(signal)).find(({ name }) => name === topic);
  if (found === undefined) {
    await log[Symbol.asyncDispose]();
    throw new Error(`there is no topic ${topic}`);
  }
  const { partitions } = found;
  return new TopicTarget({ log, topic, partitions, timeMsOf, signal, onSettled });
}
