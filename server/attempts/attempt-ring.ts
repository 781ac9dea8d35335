import type { AttemptList, AttemptQuery, AttemptView } from '../../admin/index.ts';

export interface AttemptRingOptions {
  /** Attempts that are kept in all. */
  readonly most: number;
  /** Of these, from one address. */
  readonly mostPerPeer: number;
}

/** The newest attempts; the oldest is forgotten first, and nobody's many attempts push out everybody else's. */
export class AttemptRing {
  readonly #options: AttemptRingOptions;
  /** The oldest first. An attempt stays where it began. */
  readonly #attempts = new Map<string, { view: AttemptView; change: number }>();
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
    if (known !== undefined && !isSame) this.#attempts.delete(view.id);
    this.#attempts.set(view.id, { view, change: this.#changes });
    if (!isSame) this.#makeRoom(addressOf(view.peer));
  }

  list({ user, after = 0, limit = this.#options.most }: AttemptQuery): AttemptList {
    const wanted = user?.toLowerCase();
    const found = [...this.#attempts.values()].filter(
      ({ view, change }) => change > after && (wanted === undefined || view.user?.toLowerCase() === wanted),
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
    const ofPeer = [...this.#attempts.values()].filter(({ view }) => addressOf(view.peer) === address);
    if (ofPeer.length > this.#options.mostPerPeer) this.#forget(ofPeer);
    if (this.#attempts.size > this.#options.most) this.#forget([...this.#attempts.values()]);
  }

  /** The oldest one; that of a session that is up only if there is no other. */
  #forget(candidates: readonly { readonly view: AttemptView }[]): void {
    const oldest = candidates.find(({ view }) => view.state !== 'up') ?? candidates[0];
    if (oldest !== undefined) this.#attempts.delete(oldest.view.id);
  }
}

/** Windows shows the id in braces, and in capitals. */
function bare(id: string): string {
  return id.replace(/^\{(.*)\}$/, '$1').toLowerCase();
}

/** Without the port. */
function addressOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(':'));
}
