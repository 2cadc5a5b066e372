// Fills a small disk and makes room on it again, from a seed: while the server is down, while it
// serves, and over its deaths.

import { setTimeout as delay } from 'node:timers/promises';
import { leaveRoom } from './log-damage.ts';
import type { Random } from './random.ts';
import type { SmallDisk } from './small-disk.ts';

export interface PressureParts {
  readonly disk: SmallDisk;
  /** Where this process sees the embedded log. */
  readonly logFolder: string;
  readonly random: Random;
  readonly onFault: (kind: string) => void;
}

/** The log has 64 MiB a file ready; what it keeps for entries that make room comes on top. */
const reserveBytes = 256 * 1_024;

export class DiskPressure {
  readonly #parts: PressureParts;
  #isFull = false;
  /** Whether the log's last file has no room that was taken before the disk was full. */
  #isTight = false;
  #rounds = 0;

  constructor(parts: PressureParts) {
    this.#parts = parts;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** Before the server is started again. */
  async whileDown(): Promise<void> {
    const { random } = this.#parts;
    this.#rounds += 1;
    // Also a short run has it.
    const begins = !this.#isFull && (this.#rounds === 1 || random.chance(0.35));
    if (begins) await this.#fill('disk filled while down');
    else if (this.#isFull && random.chance(0.25)) await this.makeRoom('room again while down');
    if (this.#isFull) await this.#tighten();
  }

  /** For as long as it serves. */
  async whileServing(lastsMs: number): Promise<void> {
    const { random } = this.#parts;
    const beforeMs = random.below(lastsMs);
    await delay(beforeMs);
    if (this.#isFull && random.chance(0.4)) await this.makeRoom('room again while serving');
    else if (!this.#isFull && random.chance(0.2)) await this.#fill('disk filled while serving');
    await delay(lastsMs - beforeMs);
  }

  async makeRoom(kind: string): Promise<void> {
    await this.#parts.disk.free();
    this.#isFull = false;
    this.#isTight = false;
    this.#parts.onFault(kind);
  }

  async #fill(kind: string): Promise<void> {
    await this.#parts.disk.fill();
    this.#isFull = true;
    this.#parts.onFault(kind);
  }

  /** A log whose last file comes to its end: it would take an hour to get there by small appends. */
  async #tighten(): Promise<void> {
    const { disk, logFolder, random } = this.#parts;
    if (!this.#isTight) await leaveRoom(logFolder, reserveBytes + random.between(1, 24) * 1_024);
    this.#isTight = true;
    // Whatever has been given back meanwhile.
    await disk.fill();
  }
}
