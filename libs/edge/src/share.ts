// A resource of this process that peers share. Nobody has more than three times what is free: one
// alone gets three quarters of it, two get three sevenths each, and whoever comes finds room, whatever
// the others hold.

/** Who asks, once the key is verified: a tenant, or the operator. Empty where there are no keys. */
export type Peer = string;

/** Of a server without keys: nobody is there to share with. */
export const onlyPeer: Peer = '';

const timesFree = 3;

export type Taking = 'taken' | 'none-left' | 'over-share';

export class Share {
  readonly #max: number;
  readonly #byPeer = new Map<Peer, number>();
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Peers that have some of it. */
  get peerCount(): number {
    return this.#byPeer.size;
  }

  takenBy(peer: Peer): number {
    return this.#byPeer.get(peer) ?? 0;
  }

  take(peer: Peer, amount: number): Taking {
    const left = this.#max - this.#taken - amount;
    if (left < 0) return 'none-left';
    const held = this.takenBy(peer) + amount;
    if (peer !== onlyPeer && held > timesFree * left) return 'over-share';
    this.#taken += amount;
    this.#byPeer.set(peer, held);
    return 'taken';
  }

  give(peer: Peer, amount: number): void {
    this.#taken -= amount;
    const held = this.takenBy(peer) - amount;
    if (held <= 0) this.#byPeer.delete(peer);
    else this.#byPeer.set(peer, held);
  }
}
