interface Forming<Item, Answer> {
  readonly items: Set<Item>;
  readonly answer: Promise<Answer>;
}

/**
 * Questions that many share. For each subject one is under way and one is forming; a call joins only
 * the one that is sent after it arrived, so no answer is older than whoever gets it. A subject that
 * does not answer holds up nobody who asks about another.
 */
export class Questions<Subject, Item, Answer> {
  readonly #ask: (subject: Subject, items: ReadonlySet<Item>) => Promise<Answer>;
  readonly #gathered: () => Promise<unknown>;
  readonly #forming = new Map<Subject, Forming<Item, Answer>>();
  readonly #underWay = new Map<Subject, Promise<Answer>>();

  /** `gathered` is over once those who call at about the same time have joined. */
  constructor(
    ask: (subject: Subject, items: ReadonlySet<Item>) => Promise<Answer>,
    gathered: () => Promise<unknown>,
  ) {
    this.#ask = ask;
    this.#gathered = gathered;
  }

  /** The answer to the next question about the subject, which then also asks for these items. */
  join(subject: Subject, items: Iterable<Item> = []): Promise<Answer> {
    let forming = this.#forming.get(subject);
    if (forming === undefined) {
      const asked = new Set<Item>();
      forming = { items: asked, answer: this.#askInTurn(subject, asked) };
      this.#forming.set(subject, forming);
    }
    for (const item of items) forming.items.add(item);
    return forming.answer;
  }

  async #askInTurn(subject: Subject, items: ReadonlySet<Item>): Promise<Answer> {
    await this.#underWay.get(subject)?.catch(() => undefined);
    await this.#gathered();
    this.#forming.delete(subject);
    const answer = this.#ask(subject, items);
    this.#underWay.set(subject, answer);
    try {
      return await answer;
    } finally {
      if (this.#underWay.get(subject) === answer) this.#underWay.delete(subject);
    }
  }
}
