import { pick } from './draw.ts';
import type { Turn } from './place.ts';

/** Clients that wait, in all and of one kind. */
const MOST = 1_024;
const MOST_OF_NAME = 64;
const MOST_OF_ADDRESS = 64;
/** Everybody who comes through a tunnel that ends here is there. */
const MOST_OF_LOOPBACK = 256;
const MOST_OF_PLACE = 8;

/**
 * Who waits, with a bound. When it is full whoever has most gives way: of the name the network, of the address the name,
 * in all the address. So nobody is kept out by others who wait, unless they are as few as he is. Of one place, where nothing
 * tells one from another, the lot decides who gives way: whoever came first does not keep the others out.
 */
export class WaitingRoom {
  /** The one that waits longest first. */
  readonly #turns = new Set<Turn>();
  readonly #random: () => number;

  /** @param random from 0 up to 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  get size(): number {
    return this.#turns.size;
  }

  has(turn: Turn): boolean {
    return this.#turns.has(turn);
  }

  delete(turn: Turn): boolean {
    return this.#turns.delete(turn);
  }

  [Symbol.iterator](): Iterator<Turn> {
    return this.#turns[Symbol.iterator]();
  }

  /** @returns whom there is no room for: others, or the one that came */
  admit(turn: Turn): Turn[] {
    const { place } = turn;
    this.#turns.add(turn);
    if (place.turns.size > MOST_OF_PLACE) {
      const gone = pick(
        [...place.turns].filter((each) => this.#turns.has(each)),
        this.#random,
      );
      this.#turns.delete(gone);
      return [gone];
    }
    const gates = new Set(place.users.map((user) => place.tickets.get(user)?.gate));
    gates.delete(undefined);
    const isOfName = (other: Turn): boolean =>
      other.place.users.some((user) => gates.has(other.place.tickets.get(user)?.gate));
    const gone = [
      this.#give(MOST_OF_NAME, turn, isOfName, byNetwork),
      this.#give(
        place.origin.isLoopback ? MOST_OF_LOOPBACK : MOST_OF_ADDRESS,
        turn,
        (other) => other.place.origin.address === place.origin.address,
        byName,
      ),
      this.#give(MOST, turn, () => true, byAddress),
    ].filter((each) => each !== undefined);
    for (const each of gone) this.#turns.delete(each);
    return gone;
  }

  #give(
    most: number,
    newcomer: Turn,
    isOfKind: (turn: Turn) => boolean,
    groupOf: (turn: Turn) => string,
  ): Turn | undefined {
    if (this.#turns.size <= most) return undefined;
    const groups = new Map<string, Turn[]>();
    let count = 0;
    for (const turn of this.#turns) {
      if (!isOfKind(turn)) continue;
      count += 1;
      const group = groupOf(turn);
      const members = groups.get(group);
      if (members === undefined) groups.set(group, [turn]);
      else members.push(turn);
    }
    if (count <= most) return undefined;
    const own = groups.get(groupOf(newcomer)) ?? [newcomer];
    const largest = [...groups.values()].reduce((a, b) => (b.length > a.length ? b : a), own);
    return largest === own ? newcomer : largest[0];
  }
}

function byNetwork({ place }: Turn): string {
  return place.origin.network;
}

function byName({ place }: Turn): string {
  return place.users[0] ?? '';
}

function byAddress({ place }: Turn): string {
  return place.origin.address;
}
