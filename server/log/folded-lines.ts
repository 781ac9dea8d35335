import { addressOf, foldUserName, type LogFields } from '../../core/index.ts';

/** Different values of a field that are told of folded lines. */
const MOST_VALUES = 10;
const MOST_VALUE_LENGTH = 64;
/** Kinds of lines of users that are counted in a minute; what comes beyond counts for its event alone. */
const MOST_KEYS = 65_536;
/** So many times as much as of one kind is written in a minute of all kinds of an event that one user or token caused. */
const KINDS = 100;
/** What sums mean something of. */
const SUMMED: ReadonlySet<string> = new Set(['bytesIn', 'bytesOut', 'seconds']);

interface Fold {
  readonly event: string;
  /** `user` or `token`. */
  readonly who: LogFields;
  written: number;
  count: number;
  first: Date;
  last: Date;
  readonly sums: Map<string, number>;
  readonly values: Map<string, Values>;
}

interface Values {
  readonly seen: Set<unknown>;
  /** Lines with other values. */
  others: number;
}

/**
 * Lines that took a login, which are what an audit reads: so many of a kind are written for a user in a minute, and the
 * others of that kind are folded into one. None is lost without being counted there, with its time, the addresses and how much was
 * carried.
 */
export class FoldedLines {
  readonly #perMinute: number;
  readonly #folds = new Map<string, Fold>();
  /** Lines that were written, by event and who caused them. */
  readonly #written = new Map<string, number>();

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** @returns whether the line is to be written as it is; else it has been folded */
  admits(event: string, fields: LogFields, now: Date = new Date()): boolean {
    const { user, token } = fields;
    const who = user === undefined ? { token } : { user };
    const ofAll = JSON.stringify([event, user, token]);
    const written = this.#written.get(ofAll) ?? 0;
    const isOver = written >= this.#perMinute * KINDS;
    const fold = this.#foldOf(isOver ? ofAll : JSON.stringify([ofAll, ...whatWasDone(fields)]), event, who, now);
    if (!isOver && fold.written < this.#perMinute) {
      fold.written += 1;
      if (this.#written.size < MOST_KEYS) this.#written.set(ofAll, written + 1);
      return true;
    }
    if (fold.count === 0) fold.first = now;
    fold.count += 1;
    fold.last = now;
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined || name in fold.who) continue;
      if (SUMMED.has(name) && typeof value === 'number') fold.sums.set(name, (fold.sums.get(name) ?? 0) + value);
      else note(fold.values, name, value);
    }
    return false;
  }

  #foldOf(key: string, event: string, who: LogFields, now: Date): Fold {
    const known = this.#folds.get(key);
    if (known !== undefined) return known;
    const hasRoom = this.#folds.size < MOST_KEYS;
    // The event's alone: there are not many of those.
    if (!hasRoom && key !== event) return this.#foldOf(event, event, {}, now);
    const fold = { event, who, written: 0, count: 0, first: now, last: now, sums: new Map(), values: new Map() };
    this.#folds.set(key, fold);
    return fold;
  }

  /** What was folded since the last call; counting begins anew. */
  take(): LogFields[] {
    const folded = [...this.#folds.values()].filter(({ count }) => count > 0);
    this.#folds.clear();
    this.#written.clear();
    return folded.map(({ event, who, count, first, last, sums, values }) => ({
      ...{ event, ...who, count, first: first.toISOString(), last: last.toISOString() },
      ...Object.fromEntries(sums),
      ...Object.fromEntries([...values].map(([name, { seen, others }]) => [name, told(seen, others)])),
    }));
  }
}

/**
 * A change that was made, of which each is of a kind of its own: else somebody with a stolen token would hide one behind
 * so many others. What was refused changed nothing, and anybody with a token can ask for what there is not. Nor is it
 * another change by another query, or by the capitals of a name.
 */
function whatWasDone({ method, path, status }: LogFields): readonly unknown[] {
  if (typeof status !== 'number' || status >= 400) return [];
  return [method, typeof path === 'string' ? foldUserName(path) : path];
}

function note(all: Map<string, Values>, name: string, value: unknown): void {
  const values = all.get(name) ?? { seen: new Set(), others: 0 };
  all.set(name, values);
  const short =
    typeof value === 'string' ? (name === 'peer' ? addressOf(value) : value).slice(0, MOST_VALUE_LENGTH) : value;
  const shown = typeof short === 'object' ? JSON.stringify(short).slice(0, MOST_VALUE_LENGTH) : short;
  if (values.seen.has(shown)) return;
  if (values.seen.size < MOST_VALUES) values.seen.add(shown);
  else values.others += 1;
}

/** One value as it is, of several a list. */
function told(seen: ReadonlySet<unknown>, others: number): unknown {
  const [only, ...more] = seen;
  if (more.length === 0 && others === 0) return only;
  return others === 0 ? [...seen] : [...seen, `others on ${others} lines`];
}
