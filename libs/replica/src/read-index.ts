import { type EventLog, Fault, isFault, type Shard, type ShardBounds } from '@tidemark/ports';
import { Questions } from '@tidemark/std';

type Answer = ShardBounds | Error | undefined;

/**
 * Asks the log where its shards end. A request joins only a question that is sent after it arrived,
 * and each shard is asked for by itself: one that nobody leads holds up no other.
 */
export class ReadIndex {
  readonly #questions: Questions<Shard, never, Answer>;

  constructor(log: EventLog) {
    this.#questions = new Questions(
      async (shard) => (await log.bounds([shard])).get(shard),
      () => Promise.resolve(),
    );
  }

  /**
   * Where the shard starts and ends at some moment after this call. Rejects with a Fault: `missing`
   * where the log has no such shard any more, otherwise `unavailable`.
   */
  async boundsOf(shard: Shard): Promise<ShardBounds> {
    const answer = await this.#questions.join(shard);
    if (isFault(answer) && answer.reason === 'missing') throw answer;
    if (answer === undefined || answer instanceof Error) {
      const message = `the end is not known. shard=${shard}`;
      throw new Fault('unavailable', message, { effect: 'none', cause: answer });
    }
    return answer;
  }
}
