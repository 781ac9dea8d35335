/**
 * Connections that have not logged in, by where they come from: an address (IPv6: a /64), and the networks around it. Who
 * takes most there is found in O(log n) steps.
 */
import { type Instant, originOf } from '../../core/index.ts';
import { Fifo } from './fifo.ts';
import { RecentCount } from './recent-count.ts';
import { type Ranked, WorstHeap } from './worst-heap.ts';

/** One address has a share of one; what many hosts are behind has more. */
const SHARES = { source: 1, ipv4Network: 4, site: 2, wide: 4 } as const;
/** Scores are whole: a connection counts so much, divided by the share. */
const UNIT = 4;
/** A connection that ended without a login speaks against its source for so long. */
const REMEMBERED_MS = 60_000;
/** Ends without a login that are remembered, and logins; the oldest are forgotten first. */
const MOST_REMEMBERED = 16_384;
/** What tells a flood from a rush of honest clients has to be younger than that. */
const LATELY_MS = 5_000;

/** One connection in a crowd. */
export interface Held {
  readonly source: Source;
  readonly number: number;
  readonly openedAt: Instant;
}

/** An address, or a network around one. */
export class Source implements Ranked {
  readonly key: string;
  readonly text: string;
  readonly around: Source | undefined;
  readonly share: number;
  /** Connections that have not logged in. */
  held: number = 0;
  /** Connections that ended without a login, and logins, both lately. */
  lost: number = 0;
  loggedIn: number = 0;
  score: number = 0;
  oldest: number = Number.POSITIVE_INFINITY;
  place: number = -1;
  /** Of an address, the oldest first. */
  readonly connections: Set<Held> = new Set();
  /** Of a network. */
  readonly inside: Map<string, Source> = new Map();
  /** Of these, those that hold connections. */
  readonly worst: WorstHeap<Source> = new WorstHeap();

  constructor(text: string, around: Source | undefined, share: number) {
    this.key = text;
    this.text = text;
    this.around = around;
    this.share = share;
  }

  get isForgotten(): boolean {
    return this.held === 0 && this.lost === 0 && this.loggedIn === 0;
  }

  /** Which connection is to go if one of here has to. */
  get first(): Held | undefined {
    let source: Source = this;
    for (let inner = source.worst.worst; inner !== undefined; inner = source.worst.worst) source = inner;
    const [oldest] = source.connections;
    return oldest;
  }
}

interface Remembered {
  readonly source: Source;
  readonly at: Instant;
  readonly what: 'lost' | 'loggedIn';
}

export class Crowd {
  readonly #all = new Source('all', undefined, 1);
  readonly #silent = new Set<Held>();
  readonly #lost = new RecentCount(LATELY_MS);
  readonly #loggedIn = new RecentCount(LATELY_MS);
  /** The oldest first. */
  readonly #remembered = new Fifo<Remembered>();
  #last = 0;

  /** Connections in it. */
  get size(): number {
    return this.#all.held;
  }

  /** The connection of the source that takes most, and how much that is; a share of one with one connection is 1. */
  get worst(): { readonly held: Held; readonly score: number } | undefined {
    const held = this.#all.first;
    return held === undefined ? undefined : { held, score: (this.#all.worst.worst?.score ?? 0) / UNIT };
  }

  /** Of those that have said nothing for too long, the one that has done so for longest. */
  get silent(): Held | undefined {
    const [first] = this.#silent;
    return first;
  }

  /** Whether connections that end do so with a login, as in a rush of clients after an outage, or almost none. */
  isFlooded(now: Instant): boolean {
    return this.#loggedIn.at(now) * 10 < this.#all.held + this.#lost.at(now);
  }

  /** The source of an address, and the networks around it, the narrowest first. It is there until `tidy`. */
  sourceOf(address: string): Source {
    const { address: own, around, network } = originOf(address);
    const isIpv6 = around.length > 0;
    let source = this.#within(this.#all, network, isIpv6 ? SHARES.wide : SHARES.ipv4Network);
    if (isIpv6) source = this.#within(source, around[0] ?? '', SHARES.site);
    return this.#within(source, own, SHARES.source);
  }

  /** To be called for a source that was looked up and not used. */
  tidy(source: Source): void {
    for (let each: Source | undefined = source; each?.around !== undefined; each = each.around) {
      if (!each.isForgotten) return;
      each.around.inside.delete(each.key);
    }
  }

  add(source: Source, now: Instant): Held {
    this.#last += 1;
    const held = { source, number: this.#last, openedAt: now };
    source.connections.add(held);
    this.#change(source, 'held', 1);
    return held;
  }

  /** @param end what became of it; `moved`: nothing that counts */
  remove(held: Held, end: 'lost' | 'loggedIn' | 'moved', now: Instant): void {
    const { source } = held;
    if (!source.connections.delete(held)) return;
    this.#silent.delete(held);
    this.#change(source, 'held', -1);
    if (end !== 'moved') {
      this.#remembered.push({ source, at: now, what: end });
      this.#change(source, end, 1);
      (end === 'lost' ? this.#lost : this.#loggedIn).add(now);
    }
    this.forget(now);
    this.tidy(source);
  }

  fallSilent(held: Held): void {
    if (held.source.connections.has(held)) this.#silent.add(held);
  }

  /** Lets go of what is too long ago. */
  forget(now: Instant): void {
    for (let each = this.#remembered.first; each !== undefined; each = this.#remembered.first) {
      if (this.#remembered.size <= MOST_REMEMBERED && now - each.at < REMEMBERED_MS) return;
      this.#remembered.shift();
      this.#change(each.source, each.what, -1);
      this.tidy(each.source);
    }
  }

  #within(around: Source, text: string, share: number): Source {
    const known = around.inside.get(text);
    if (known !== undefined) return known;
    const source = new Source(text, around, share);
    around.inside.set(text, source);
    return source;
  }

  #change(source: Source, what: 'held' | 'lost' | 'loggedIn', step: 1 | -1): void {
    for (let each: Source | undefined = source; each !== undefined; each = each.around) {
      each[what] += step;
      const top = each.worst.worst;
      const [oldest] = each.connections;
      each.score = Math.max(Math.floor((UNIT * (each.held + each.lost)) / each.share), top?.score ?? 0);
      each.oldest = top?.oldest ?? oldest?.number ?? Number.POSITIVE_INFINITY;
      if (each.held > 0) each.around?.worst.put(each);
      else each.around?.worst.delete(each);
    }
  }
}
