import type { FloodView } from '../../admin/index.ts';
import { Alarm, type Clock, type Instant, type Log } from '../../core/index.ts';
import type { AdmissionObserver } from './admission.ts';
import { Fifo } from './fifo.ts';
import type { AdmissionLimit } from './machine.ts';

/** Connections in a flood, since it began or since it was last told of. */
export interface FloodCounts {
  readonly pushedOut: number;
  readonly refused: number;
  /** The limits that were reached. */
  readonly limits: readonly AdmissionLimit[];
  /** From where most of them came, such as `192.0.2.0/24`, with how many. */
  readonly from: readonly { readonly network: string; readonly connections: number }[];
}

/** A flood that goes on, or the last one. */
export interface Flood extends FloodCounts {
  readonly since: Date;
  /** Undefined: it goes on. */
  readonly until: Date | undefined;
}

/** As the API has it. */
export function floodView(flood: Flood | undefined): FloodView | undefined {
  return flood && { ...flood, since: flood.since.toISOString(), until: flood.until?.toISOString() };
}

export interface FloodObserver {
  began(flood: Flood): void;
  ended(flood: Flood): void;
}

/** So many connections turned away within ten seconds are a flood, or limits that are too small. */
const FLOOD = 100;
const FLOOD_MS = 10_000;
const MINUTE_MS = 60_000;
/** Networks that are counted at a time. Of a thousand others none is worth a name. */
const MOST_NETWORKS = 256;
const MOST_NAMED = 5;

/** Tells of a flood when it begins, once a minute while it goes on, and when a minute has passed without. */
export class FloodWatch implements AdmissionObserver {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #observer: FloodObserver;
  readonly #alarm: Alarm;
  /** When the last ones were turned away, as many as make a flood. */
  readonly #recent = new Fifo<Instant>();
  #flood: { readonly since: Date; readonly sum: Tally; minute: Tally; next: Instant } | undefined;
  #last: Flood | undefined;
  #before = new Tally();

  constructor(options: { readonly clock: Clock; readonly log: Log; readonly observer: FloodObserver }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#observer = options.observer;
    this.#alarm = new Alarm(
      options.clock,
      () => this.#flood?.next,
      () => this.#onMinute(),
    );
  }

  /** The one that goes on, or the last one; undefined if there was none. */
  get flood(): Flood | undefined {
    return this.#flood === undefined
      ? this.#last
      : { since: this.#flood.since, until: undefined, ...this.#flood.sum.counts };
  }

  pushedOut(limit: AdmissionLimit, network: string): void {
    this.#note((tally) => tally.add('pushedOut', limit, network));
  }

  refused(limit: AdmissionLimit, network: string): void {
    this.#note((tally) => tally.add('refused', limit, network));
  }

  stop(): void {
    this.#alarm.stop();
  }

  #note(add: (tally: Tally) => void): void {
    if (this.#flood !== undefined) {
      add(this.#flood.sum);
      add(this.#flood.minute);
      return;
    }
    const now = this.#clock.now();
    const { first } = this.#recent;
    if (first !== undefined && now - first > FLOOD_MS) {
      // What came before is no part of what comes now.
      while (this.#recent.shift() !== undefined);
      this.#before = new Tally();
    }
    this.#recent.push(now);
    add(this.#before);
    if (this.#recent.size >= FLOOD) this.#begin(now);
  }

  #begin(now: Instant): void {
    const sum = this.#before;
    this.#before = new Tally();
    while (this.#recent.shift() !== undefined);
    this.#flood = { since: new Date(), sum, minute: new Tally(), next: now + MINUTE_MS };
    const flood = { since: this.#flood.since, until: undefined, ...sum.counts };
    this.#log.warn('server.under-flood', fieldsOf(sum.counts));
    this.#observer.began(flood);
    this.#alarm.update();
  }

  #onMinute(): void {
    const flood = this.#flood;
    if (flood === undefined) return;
    const { minute, sum, since } = flood;
    if (minute.isEmpty) {
      this.#flood = undefined;
      const seconds = Math.round((Date.now() - since.getTime()) / 1_000);
      this.#last = { since, until: new Date(), ...sum.counts };
      this.#log.info('server.flood-over', { seconds, ...fieldsOf(sum.counts) });
      this.#observer.ended(this.#last);
      return;
    }
    flood.minute = new Tally();
    flood.next += MINUTE_MS;
    this.#log.warn('server.under-flood', fieldsOf(minute.counts));
  }
}

/** Fields of a log line: bounded, whatever comes. */
function fieldsOf({ pushedOut, refused, limits, from }: FloodCounts): Record<string, unknown> {
  const networks = from.map(({ network, connections }) => `${network} (${connections})`).join(', ');
  return { pushedOut, refused, limits: limits.map((limit) => `limits.${limit}`).join(', '), networks };
}

class Tally {
  readonly #counts = { pushedOut: 0, refused: 0 };
  readonly #limits = new Set<AdmissionLimit>();
  readonly #networks = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#counts.pushedOut + this.#counts.refused === 0;
  }

  get counts(): FloodCounts {
    const sorted = [...this.#networks].sort(([, a], [, b]) => b - a).slice(0, MOST_NAMED);
    return {
      ...this.#counts,
      limits: [...this.#limits],
      from: sorted.map(([network, connections]) => ({ network, connections })),
    };
  }

  add(what: 'pushedOut' | 'refused', limit: AdmissionLimit, network: string): void {
    this.#counts[what] += 1;
    this.#limits.add(limit);
    const known = this.#networks.get(network);
    if (known !== undefined || this.#networks.size < MOST_NETWORKS) this.#networks.set(network, (known ?? 0) + 1);
  }
}
