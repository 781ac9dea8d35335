/** Logins against a throttle in virtual time: guessers, and owners who know their password. */
import { createHash } from 'node:crypto';
import { type Attack, LoginThrottle } from '../../../auth/throttle/login-throttle.ts';
import type { LoginAttempt, Turn } from '../../../auth/throttle/place.ts';

/** Evenly spread from 0 up to 1, the same numbers for the same seed: SHA-256 over seed and number of the block, 32 bits each. */
export function randomFrom(seed: number): () => number {
  let block = Buffer.alloc(0);
  let blocks = 0;
  let at = 0;
  return () => {
    if (at === block.length) {
      block = createHash('sha256').update(`${seed} ${blocks}`).digest();
      blocks += 1;
      at = 0;
    }
    const number = block.readUInt32BE(at) / 2 ** 32;
    at += 4;
    return number;
  };
}

export interface Person {
  readonly address: string;
  /** Or the next name, for somebody who tries name after name. */
  readonly user: string | (() => string);
  readonly isRight?: boolean;
  readonly isKnown?: boolean;
  readonly startsAt?: number;
  /** How long a call lasts at most, and how long it is until the next one. */
  readonly patienceMs?: number;
  readonly pauseMs?: number;
  /** Between a refusal and the next attempt, and how many there are in all. */
  readonly thinkMs?: number;
  readonly most?: number;
}

interface Caller {
  readonly person: Person;
  turn: Turn | undefined;
  enteredAt: number;
  tries: number;
}

export class Crowd {
  readonly throttle: LoginThrottle;
  /** The name, or where it is all names the limit. */
  readonly attacks: string[] = [];
  /** When each attempt of a guesser was judged, and its user. */
  readonly guesses: { readonly at: number; readonly user: string; readonly address: string }[] = [];
  /** When an owner got in. */
  readonly logins: Map<Person, number> = new Map();
  now: number = 0;
  readonly #calls = new Map<Turn, Caller>();
  /** What is to happen, by time; a binary heap. */
  readonly #agenda: { readonly at: number; readonly run: () => void }[] = [];

  constructor(seed: number) {
    const attacked = ({ user, limit }: Attack): void => void this.attacks.push(user ?? limit);
    this.throttle = new LoginThrottle({ random: randomFrom(seed), attacked });
  }

  add(person: Person): Person {
    const caller = { person, turn: undefined, enteredAt: 0, tries: 0 };
    this.#at(person.startsAt ?? this.now, () => this.#call(caller));
    return person;
  }

  /** @param until when to stop, or when this is true */
  run(until: number, isOver: () => boolean = () => false): void {
    while (!isOver()) {
      const deadline = this.throttle.deadline(this.now);
      const next = Math.min(deadline ?? Number.POSITIVE_INFINITY, this.#agenda[0]?.at ?? Number.POSITIVE_INFINITY);
      if (next > until) break;
      this.now = Math.max(this.now, next);
      while ((this.#agenda[0]?.at ?? Number.POSITIVE_INFINITY) <= this.now) this.#nextOfAgenda()?.run();
      this.#serve();
    }
    if (!isOver()) this.now = until;
  }

  guessesAt(user: string, from: number, to: number): number {
    return this.guesses.filter((guess) => guess.user === user && guess.at >= from && guess.at < to).length;
  }

  #call(caller: Caller): void {
    const { address, isKnown = false, patienceMs } = caller.person;
    const user = typeof caller.person.user === 'string' ? caller.person.user : caller.person.user();
    const attempt: LoginAttempt = { realm: 'vpn', address, user, isKnown };
    const turn = this.throttle.enter(attempt, this.now);
    caller.turn = turn;
    this.#calls.set(turn, caller);
    if (patienceMs === undefined) return;
    this.#at(this.now + patienceMs, () => {
      if (caller.turn !== turn) return;
      this.throttle.leave(turn, this.now);
      this.#hangUp(caller, turn);
    });
  }

  #serve(): void {
    const { judge, release } = this.throttle.due(this.now);
    for (const turn of release) {
      const caller = this.#calls.get(turn);
      if (caller !== undefined) this.#hangUp(caller, turn);
    }
    for (const turn of judge) {
      const caller = this.#calls.get(turn);
      if (caller === undefined) continue;
      const { person } = caller;
      this.#calls.delete(turn);
      caller.turn = undefined;
      caller.tries += 1;
      this.throttle.settle(turn, person.isRight === true ? 'accepted' : 'refused', this.now);
      if (person.isRight === true) {
        this.logins.set(person, this.now - (person.startsAt ?? 0));
        continue;
      }
      this.guesses.push({ at: this.now, user: turn.attempt.user, address: person.address });
      if (caller.tries < (person.most ?? Number.POSITIVE_INFINITY)) {
        this.#at(this.now + (person.thinkMs ?? 0), () => this.#call(caller));
      }
    }
  }

  #hangUp(caller: Caller, turn: Turn): void {
    this.#calls.delete(turn);
    caller.turn = undefined;
    this.#at(this.now + (caller.person.pauseMs ?? 5_000), () => this.#call(caller));
  }

  #at(at: number, run: () => void): void {
    const heap = this.#agenda;
    let index = heap.length;
    heap.push({ at, run });
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if ((heap[parent]?.at ?? 0) <= at) break;
      [heap[index], heap[parent]] = [heap[parent] as never, heap[index] as never];
      index = parent;
    }
  }

  #nextOfAgenda(): { readonly at: number; readonly run: () => void } | undefined {
    const heap = this.#agenda;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let index = 0; ; ) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      let least = index;
      for (const child of [left, right]) {
        if (child < heap.length && (heap[child]?.at ?? 0) < (heap[least]?.at ?? 0)) least = child;
      }
      if (least === index) return first;
      [heap[index], heap[least]] = [heap[least] as never, heap[index] as never];
      index = least;
    }
  }
}
