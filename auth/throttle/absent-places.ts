import type { Instant } from '../../core/index.ts';
import { AgeMap } from './age-map.ts';
import type { Place } from './place.ts';

/** In all. */
const MOST = 20_000;
/** Names that they have besides one each. */
const MOST_MORE_NAMES = 40_000;
/** Of an IPv4 address or a /64: more people than that do not hang up there within ten minutes. */
const MOST_OF_ADDRESS = 64;
/** Of an IPv6 /48. */
const MOST_OF_NETWORK = 256;
/** Everybody who comes through a tunnel that ends here is there; of more, each would wait the longer for his lot. */
const MOST_OF_LOOPBACK = 256;

/** Places whose clients have gone and may come again, each bound with its own oldest ones: no address fills it alone. */
export class AbsentPlaces {
  /** The one that was seen longest ago first, as in the other maps. */
  readonly #all = new AgeMap<Place>();
  readonly #ofSeveralNames = new AgeMap<Place>();
  readonly #byGroup = new Map<string, AgeMap<Place>>();
  #moreNames = 0;

  has(place: Place): boolean {
    return this.#all.get(place.key) === place;
  }

  get size(): number {
    return this.#all.size;
  }

  /** @returns one that has to go, if there are too many now; to be called until there is none */
  tooMany(newest: Place): Place | undefined {
    for (const [group, most] of groupsOf(newest)) {
      const places = this.#byGroup.get(group);
      if (places !== undefined && places.size > most) return places.oldest()?.[1];
    }
    if (this.#moreNames > MOST_MORE_NAMES) return this.#ofSeveralNames.oldest()?.[1];
    return this.#all.size > MOST ? this.#all.oldest()?.[1] : undefined;
  }

  /** One that was not seen after that. */
  oldestUntil(instant: Instant): Place | undefined {
    const place = this.#all.oldest()?.[1];
    return place !== undefined && place.seenAt <= instant ? place : undefined;
  }

  add(place: Place): void {
    this.delete(place);
    this.#all.set(place.key, place);
    this.#moreNames += place.users.length - 1;
    if (place.users.length > 1) this.#ofSeveralNames.set(place.key, place);
    for (const [group] of groupsOf(place)) {
      const places = this.#byGroup.get(group) ?? new AgeMap<Place>();
      places.set(place.key, place);
      this.#byGroup.set(group, places);
    }
  }

  delete(place: Place): void {
    if (!this.has(place)) return;
    this.#all.delete(place.key);
    this.#moreNames -= place.users.length - 1;
    this.#ofSeveralNames.delete(place.key);
    for (const [group] of groupsOf(place)) {
      const places = this.#byGroup.get(group);
      places?.delete(place.key);
      if (places?.size === 0) this.#byGroup.delete(group);
    }
  }
}

function groupsOf({ origin }: Place): readonly (readonly [group: string, most: number])[] {
  if (origin.isLoopback) return [['loopback', MOST_OF_LOOPBACK]];
  const own = [origin.address, MOST_OF_ADDRESS] as const;
  return origin.around.length === 0 ? [own] : [own, [origin.network, MOST_OF_NETWORK]];
}
