/** Members by what they have in common, such as sessions by user: a look-up costs what it finds, not what there is. */
export class Groups<Key, Member> {
  readonly #members = new Map<Key, Set<Member>>();

  /** Without effect if it is there. */
  add(key: Key, member: Member): void {
    const members = this.#members.get(key);
    if (members === undefined) this.#members.set(key, new Set([member]));
    else members.add(member);
  }

  /** Without effect if it is not there. A group without members takes no room. */
  delete(key: Key, member: Member): void {
    const members = this.#members.get(key);
    if (members?.delete(member) && members.size === 0) this.#members.delete(key);
  }

  /** In the order in which they were added. */
  of(key: Key): ReadonlySet<Member> {
    return this.#members.get(key) ?? NOBODY;
  }

  /** How many groups have members. */
  get size(): number {
    return this.#members.size;
  }
}

const NOBODY: ReadonlySet<never> = new Set();
