import type { AttemptList, AttemptQuery, AttemptView } from '../../../admin/index.ts';
import { addressOf, foldUserName, Groups, originOf } from '../../../core/index.ts';

export interface AttemptRingOptions {
  /** Attempts that are kept in all. */
  readonly most: number;
  /** Of these, from one address, or of IPv6 one /64. */
  readonly mostPerPeer: number;
}

interface Entry {
  readonly view: AttemptView;
  readonly change: number;
  /** Folded. */
  readonly user: string | undefined;
}

/** What the ids of all attempts are in, beside those of each address. */
const ALL = '';

/** The newest attempts; the oldest is forgotten first, and nobody's many attempts push out everybody else's. */
export class AttemptRing {
  readonly #options: AttemptRingOptions;
  /** The oldest first. An attempt stays where it began. */
  readonly #attempts = new Map<string, Entry>();
  /** Their ids by address of the client, and all of them: of sessions that are up, and the others; those that are so for longest first. */
  readonly #up = new Groups<string, string>();
  readonly #others = new Groups<string, string>();
  #changes = 0;

  constructor(options: AttemptRingOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#attempts.size;
  }

  /** A new attempt, or the news of one. */
  put(view: AttemptView): void {
    this.#changes += 1;
    const known = this.#attempts.get(view.id);
    // Ids come again, after a long time.
    const isSame = known !== undefined && known.view.startedAt === view.startedAt;
    if (known !== undefined && !isSame) this.#forget(known);
    if (!isSame || (known.view.state === 'up') !== (view.state === 'up')) {
      if (known !== undefined) this.#unlist(known);
      const ids = view.state === 'up' ? this.#up : this.#others;
      for (const group of [sourceOf(view), ALL]) ids.add(group, view.id);
    }
    const user = view.user === undefined ? undefined : foldUserName(view.user);
    this.#attempts.set(view.id, { view, change: this.#changes, user });
    if (!isSame) this.#makeRoom(sourceOf(view));
  }

  list({ user, after = 0, limit = this.#options.most }: AttemptQuery): AttemptList {
    const wanted = user === undefined ? undefined : foldUserName(user);
    const found = [...this.#attempts.values()].filter(
      ({ change, user: name }) => change > after && (wanted === undefined || name === wanted),
    );
    return { last: this.#changes, attempts: found.slice(-limit).map(({ view }) => view) };
  }

  /** @param id also a correlation id; the newest attempt with it */
  find(id: string): AttemptView | undefined {
    const wanted = bare(id);
    const exact = this.#attempts.get(wanted);
    if (exact !== undefined) return exact.view;
    return [...this.#attempts.values()].findLast(
      ({ view }) => view.correlationId !== undefined && bare(view.correlationId) === wanted,
    )?.view;
  }

  #makeRoom(address: string): void {
    this.#forgetOldest(address, this.#options.mostPerPeer);
    this.#forgetOldest(ALL, this.#options.most);
  }

  /** That of a session that is up only if there is no other. */
  #forgetOldest(group: string, most: number): void {
    const [up, others] = [this.#up.of(group), this.#others.of(group)];
    if (up.size + others.size <= most) return;
    for (const id of others.size > 0 ? others : up) {
      const oldest = this.#attempts.get(id);
      if (oldest !== undefined) this.#forget(oldest);
      return;
    }
  }

  #forget(entry: Entry): void {
    this.#unlist(entry);
    this.#attempts.delete(entry.view.id);
  }

  #unlist({ view }: Entry): void {
    const ids = view.state === 'up' ? this.#up : this.#others;
    for (const group of [sourceOf(view), ALL]) ids.delete(group, view.id);
  }
}

/** One machine has all addresses of a /64 to itself. */
function sourceOf({ peer }: AttemptView): string {
  return originOf(addressOf(peer)).address;
}

/** Windows shows the id in braces, and in capitals. */
function bare(id: string): string {
  return id.replace(/^\{(.*)\}$/, '$1').toLowerCase();
}
