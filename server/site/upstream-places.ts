import { originOf } from '../../core/index.ts';

export interface PlacesOptions {
  /** Places in all. */
  readonly most: number;
  /** Of one source; `EVERYBODY` has all. */
  readonly mostPerSource: number;
  /** Who may wait for one, in all and of one source. */
  readonly mostWaiting: number;
  readonly mostWaitingPerSource: number;
}

interface Source {
  readonly key: string;
  taken: number;
  /** In the order in which they came. */
  readonly waiting: Set<() => void>;
}

/** Whose address tells nothing: all who come through a proxy on this host. */
export const EVERYBODY = '';

/** Places that are shared by source: whoever waits is served in turn, one of each source. */
export class UpstreamPlaces {
  readonly #options: PlacesOptions;
  readonly #sources = new Map<string, Source>();
  /** Those that wait and may have one more; whose turn it is next comes first. */
  readonly #ready = new Set<Source>();
  #taken = 0;
  #waiting = 0;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /**
   * @param go called when there is a place, perhaps at once
   * @returns what gives the place back, or the waiting up; undefined if too many wait
   */
  enter(key: string, go: () => void): (() => void) | undefined {
    const { mostWaiting, mostWaitingPerSource, most } = this.#options;
    const source = this.#sources.get(key) ?? { key, taken: 0, waiting: new Set() };
    const mostOfSource = key === EVERYBODY ? mostWaiting : mostWaitingPerSource;
    const isFree = this.#taken < most && this.#mayTake(source);
    if (!isFree && (this.#waiting >= mostWaiting || source.waiting.size >= mostOfSource)) return undefined;
    this.#sources.set(key, source);
    let state: 'waiting' | 'inside' | 'gone' = 'waiting';
    const start = (): void => {
      state = 'inside';
      go();
    };
    const leave = (): void => {
      const before = state;
      state = 'gone';
      if (before === 'waiting') this.#forgo(source, start);
      if (before === 'inside') this.#giveBack(source);
    };
    this.#waiting += 1;
    source.waiting.add(start);
    this.#update(source);
    this.#serve();
    return leave;
  }

  #mayTake({ key, taken }: Source): boolean {
    return key === EVERYBODY || taken < this.#options.mostPerSource;
  }

  #forgo(source: Source, start: () => void): void {
    if (source.waiting.delete(start)) this.#waiting -= 1;
    this.#update(source);
  }

  #giveBack(source: Source): void {
    source.taken -= 1;
    this.#taken -= 1;
    this.#update(source);
    this.#serve();
  }

  #serve(): void {
    for (const source of this.#ready) {
      if (this.#taken >= this.#options.most) return;
      const [start] = source.waiting;
      this.#ready.delete(source);
      if (start === undefined) continue;
      source.waiting.delete(start);
      this.#waiting -= 1;
      source.taken += 1;
      this.#taken += 1;
      this.#update(source);
      start();
    }
  }

  #update(source: Source): void {
    if (source.waiting.size > 0 && this.#mayTake(source)) this.#ready.add(source);
    else this.#ready.delete(source);
    if (source.waiting.size === 0 && source.taken === 0) this.#sources.delete(source.key);
  }
}

/** @param address the client's, undefined if it is not known */
export function sourceKey(address: string | undefined): string {
  const origin = address === undefined ? undefined : originOf(address);
  return origin === undefined || origin.isLoopback ? EVERYBODY : origin.address;
}
