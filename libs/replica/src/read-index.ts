import { type EventLog, Fault, isFault, type Shard, type ShardBounds } from '@tidemark/ports';

type Answers = ReadonlyMap<Shard, ShardBounds | Error>;

interface Question {
  readonly shards: Set<Shard>;
  readonly answers: Promise<Answers>;
}

/**
 * Asks the log where its shards end. A request joins only a question that is sent after it arrived:
 * one is under way, one is forming, and both are shared by all who wait.
 */
export class ReadIndex {
  readonly #log: EventLog;
  #underWay: Promise<Answers> | undefined;
  #forming: Question | undefined;

  constructor(log: EventLog) {
    this.#log = log;
  }

  /**
   * Where the shard starts and ends at some moment after this call. Rejects with a Fault: `missing`
   * where the log has no such shard any more, otherwise `unavailable`.
   */
  async boundsOf(shard: Shard): Promise<ShardBounds> {
    this.#forming ??= this.#form();
    const { shards, answers } = this.#forming;
    shards.add(shard);
    const answer = (await answers).get(shard);
    if (isFault(answer) && answer.reason === 'missing') throw answer;
    if (answer === undefined || answer instanceof Error) {
      const message = `the end is not known. shard=${shard}`;
      throw new Fault('unavailable', message, { effect: 'none', cause: answer });
    }
    return answer;
  }

  #form(): Question {
    const shards = new Set<Shard>();
    return { shards, answers: this.#ask(shards, this.#underWay) };
  }

  async #ask(shards: Set<Shard>, earlier: Promise<Answers> | undefined): Promise<Answers> {
    // Also without an earlier question, everything that arrives in this turn joins.
    await earlier?.catch(() => undefined);
    await Promise.resolve();
    this.#forming = undefined;
    const answers = this.#log.bounds([...shards]);
    this.#underWay = answers;
    try {
      return await answers;
    } finally {
      if (this.#underWay === answers) this.#underWay = undefined;
    }
  }
}
