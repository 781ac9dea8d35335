import { foldUserName } from '../../../core/index.ts';
import type { LiveSession, SessionEnd, SessionObserver } from '../../control/index.ts';
import { counter, gauge, type MetricJson } from './report-metrics.ts';

/** Three series each. Users beyond count together. */
const MOST_USERS = 1_000;
const REST = '<other>';

/** What each user has carried, for `metrics.users`. */
export class UserTraffic implements SessionObserver {
  /** Of sessions that have ended; by name in lower case. */
  readonly #ended = new Map<string, { bytesIn: number; bytesOut: number }>();
  readonly #live = new Set<LiveSession>();

  up(session: LiveSession): void {
    this.#entry(session.user.name);
    this.#live.add(session);
  }

  down(session: LiveSession, { bytesIn, bytesOut }: SessionEnd): void {
    this.#live.delete(session);
    const entry = this.#entry(session.user.name);
    entry.bytesIn += bytesIn;
    entry.bytesOut += bytesOut;
  }

  metrics(): MetricJson[] {
    const users = new Map([...this.#ended].map(([user, sums]) => [user, { ...sums, sessions: 0 }]));
    for (const { user, traffic } of this.#live) {
      const entry = users.get(this.#keyOf(user.name));
      if (entry === undefined) continue;
      const { bytesIn, bytesOut } = traffic();
      entry.bytesIn += bytesIn;
      entry.bytesOut += bytesOut;
      entry.sessions += 1;
    }
    return [
      counter(
        'sstp_user_bytes_total',
        'Bytes of IP packets from (in) and to (out) clients of a user.',
        [...users].flatMap(([user, { bytesIn, bytesOut }]) => [
          { labels: { user, direction: 'in' }, value: bytesIn },
          { labels: { user, direction: 'out' }, value: bytesOut },
        ]),
      ),
      gauge(
        'sstp_user_sessions',
        'Sessions of a user that are up.',
        [...users].map(([user, { sessions }]) => ({ labels: { user }, value: sessions })),
      ),
    ];
  }

  #entry(name: string): { bytesIn: number; bytesOut: number } {
    const key = this.#keyOf(name);
    const known = this.#ended.get(key);
    if (known !== undefined) return known;
    const entry = { bytesIn: 0, bytesOut: 0 };
    this.#ended.set(key, entry);
    return entry;
  }

  #keyOf(name: string): string {
    const key = foldUserName(name);
    return this.#ended.has(key) || this.#ended.size < MOST_USERS ? key : REST;
  }
}
