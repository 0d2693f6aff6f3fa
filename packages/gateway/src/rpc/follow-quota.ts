import { FOLLOWS, FOLLOWS_PER_ADDRESS } from '../limits.ts';

/** How many logs are followed, by whom and in all. */
export class FollowQuota {
  readonly #byCaller = new Map<string, number>();
  #all = 0;

  /** False: there are too many already. */
  take(caller: string): boolean {
    const own = this.#byCaller.get(caller) ?? 0;
    if (own >= FOLLOWS_PER_ADDRESS || this.#all >= FOLLOWS) return false;
    this.#byCaller.set(caller, own + 1);
    this.#all++;
    return true;
  }

  give(caller: string): void {
    const own = (this.#byCaller.get(caller) ?? 1) - 1;
    if (own === 0) this.#byCaller.delete(caller);
    else this.#byCaller.set(caller, own);
    this.#all--;
  }
}
