/**
 * The one place where a login waits, is judged, is reported to the throttle and told to those who look on: of the VPN, of
 * the portal and of the admin page. Who judges may take his time, and may have to hear more of the client first; whatever
 * happens, the throttle is told once.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { type Attack, type Hold, type LiftTarget, LoginThrottle, type Outcome, type Turn } from '../../auth/index.ts';
import { attackFields } from '../../auth/throttle/hold-text.ts';
import {
  Alarm,
  after,
  type Clock,
  earliest,
  foldUserName,
  type Instant,
  type Log,
  originOf,
} from '../../core/index.ts';
import type { Login, SessionObserver } from './session-observer.ts';

/** A login, and what is to be done with it. */
export interface LoginRequest<Result extends Judged> {
  readonly realm: 'vpn' | 'admin';
  /** Text form, as a socket gives it. */
  readonly address: string;
  /** As operators are to know it: the name of the user whom it means, or as it was sent. */
  readonly name: string;
  /** What the name that was sent may read as, the likeliest first, where that is not `name` alone. */
  readonly readings?: readonly string[];
  readonly method: Login['method'];
  /** The password, where it came in plain; its bytes, where those are not its text in UTF-8. */
  readonly password?: string | Uint8Array | undefined;
  /** See `LoginDesk.knownAt`; nobody, if it is absent. */
  readonly knownThere?: readonly string[];
  /** Of a cookie that was found good. */
  readonly browser?: string | undefined;
  /**
   * Looks at the proof, when its turn has come. An error is a fault of ours; after `gone` an `AbortError` is none, but counts
   * as a guess: who sees by the time that an answer takes whether it is right, and hangs up, has had one.
   *
   * @param only folded names of users: the login has gone before strangers as one of theirs, so it is nobody else's
   * @param gone aborted once nobody waits for the answer any more, or it took longer than `MOST_LOGIN_MS`
   */
  readonly judge: (only: readonly string[], gone: AbortSignal) => Promise<Result | Continued<Result>>;
  /** Told once, and once more for each `respond`: not after `leave` unless that says so. */
  readonly answer: (answer: LoginAnswer<Result>) => void;
  /** Told if it has to wait, and why. */
  readonly held?: (hold: Hold) => void;
}

/** What the desk has to know of a judgement. */
export interface Judged {
  readonly outcome: Outcome;
  readonly reason: Login['reason'];
  /** Whose name it was, if it was accepted. */
  readonly user: { readonly name: string } | undefined;
  /** Of the password that it was, if the store has it. */
  readonly version?: string | undefined;
}

/** No judgement yet: the client has to say more. */
export interface Continued<Result> {
  readonly outcome: 'continue';
  /** For the client. */
  readonly payload: Uint8Array;
  /** What the client says to that. @param gone as with `judge` */
  readonly respond: (payload: Uint8Array, gone: AbortSignal) => Promise<Result | Continued<Result>>;
}

export type LoginAnswer<Result> =
  | { readonly kind: 'continue'; readonly payload: Uint8Array }
  | { readonly kind: 'judged'; readonly result: Result; readonly delayMs: number }
  /** Nobody looked at it: it has waited for as long as it may, or too many wait. */
  | { readonly kind: 'held-back'; readonly hold: Hold; readonly delayMs: number }
  | { readonly kind: 'fault'; readonly error: string };

/** A login that is not over. */
export interface PendingLogin {
  /**
   * The client has gone. May be called again, also when there was an answer.
   *
   * @returns whether `answer` is told all the same, for the record: it is being judged
   */
  leave(): boolean;
  /** @returns false if the login does not wait for the client any more: `answer` is not told then */
  respond(payload: Uint8Array): boolean;
}

/** For all of a login, from its first wait to its verdict: who dials in SSTP has 60 s from Call Connect Ack. */
export const MOST_LOGIN_MS = 50_000;
const NOBODY: PendingLogin = { leave: () => false, respond: () => false };

export interface LoginDeskOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** From where users have logged in. */
  readonly places: {
    usersKnownAt(readings: readonly string[], place: string): Promise<readonly string[]>;
    rememberPlace(name: string, place: string, version?: string): Promise<void>;
  };
  readonly observers?: readonly SessionObserver[];
  /** From 0 up to 1. */
  readonly random?: () => number;
}

interface Entry {
  readonly request: LoginRequest<Judged>;
  readonly startedAt: number;
  /** `judging`: somebody owes an answer; `asking`: the client does. */
  state: 'waiting' | 'judging' | 'asking' | 'over';
  readonly gone: AbortController;
  isGone: boolean;
  continued: Continued<Judged> | undefined;
  /** What it has been told by now may be that its proof was wrong. */
  hasResponded: boolean;
}

export class LoginDesk {
  readonly throttle: LoginThrottle;
  readonly #options: LoginDeskOptions;
  /** That began first, first. */
  readonly #entries = new Map<Turn, Entry>();
  readonly #alarm: Alarm;
  /** What tells whether two wrong passwords are the same one, and nothing else. */
  readonly #proofKey = randomBytes(32);
  #isServing = false;

  constructor(options: LoginDeskOptions) {
    this.#options = options;
    const { random = Math.random } = options;
    this.throttle = new LoginThrottle({ random, attacked: (attack) => this.#onAttack(attack) });
    const { clock } = options;
    this.#alarm = new Alarm(
      clock,
      () => this.#deadline(),
      () => {
        this.#expire();
        this.#serve();
      },
    );
  }

  enter<Result extends Judged>(request: LoginRequest<Result>): PendingLogin {
    const { realm, address, name, readings = [name], knownThere = [], browser, password } = request;
    const now = this.#options.clock.now();
    const entry: Entry = {
      ...{ request: request as unknown as LoginRequest<Judged>, startedAt: now, state: 'waiting' },
      ...{ gone: new AbortController(), isGone: false, continued: undefined, hasResponded: false },
    };
    let turn: Turn | undefined;
    try {
      const isKnown = knownThere.length > 0;
      const proof = password === undefined ? undefined : this.#proofOf(readings[0] ?? '', password);
      turn = this.throttle.enter({ realm, address, user: name, readings, isKnown, browser, proof }, now);
    } catch (error) {
      this.#fault(entry, error);
    }
    if (turn === undefined) return NOBODY;
    const entered = turn;
    this.#entries.set(entered, entry);
    if (entered.hold !== undefined) request.held?.(entered.hold);
    this.#serve();
    return { leave: () => this.#leave(entered), respond: (payload) => this.#respond(entered, payload) };
  }

  /**
   * Of the users whom a name may mean, those who are known where it comes from: to be asked before `enter`. Who can't be
   * looked up is a stranger.
   *
   * @returns folded names
   */
  async knownAt(readings: readonly string[], address: string): Promise<readonly string[]> {
    try {
      return await this.#options.places.usersKnownAt(readings, originOf(address).address);
    } catch {
      return []; // A store that can't be read is a fault of the judgement, which comes.
    }
  }

  #deadline(): Instant | undefined {
    const { clock } = this.#options;
    const [oldest] = this.#entries.values();
    return earliest(this.throttle.deadline(clock.now()), oldest && after(oldest.startedAt, MOST_LOGIN_MS));
  }

  #expire(): void {
    const now = this.#options.clock.now();
    for (const [turn, entry] of this.#entries) {
      if (after(entry.startedAt, MOST_LOGIN_MS) > now) return;
      const wasJudging = entry.state === 'judging';
      this.#giveUp(turn, entry);
      if (wasJudging) this.#fault(entry, new Error(`a login was not judged within ${MOST_LOGIN_MS / 1000} s`));
      else this.#tell(entry.request, 'abandoned');
      entry.gone.abort();
    }
  }

  #serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      for (;;) {
        const { judge, release } = this.throttle.due(this.#options.clock.now());
        // Who is told that a place was given up may leave at once, and so may others that come with him.
        for (const turn of judge) this.#judge(turn);
        for (const turn of release) this.#release(turn);
        if (judge.length === 0 && release.length === 0) break;
      }
    } finally {
      this.#isServing = false;
    }
    this.#alarm.update();
  }

  /** Lets a name or an address pass for so long: see LoginThrottle. Without a target all failures are forgotten. */
  lift(target: LiftTarget | undefined, ms: number): void {
    const now = this.#options.clock.now();
    if (target === undefined) this.throttle.liftAll(now);
    else this.throttle.lift(target, ms, now);
    this.#serve();
  }

  #judge(turn: Turn): void {
    const entry = this.#entries.get(turn);
    if (entry === undefined) throw new Error('a login was handed out twice');
    this.#ask(turn, entry, () => entry.request.judge(entry.request.knownThere ?? [], entry.gone.signal));
  }

  #respond(turn: Turn, payload: Uint8Array): boolean {
    const entry = this.#entries.get(turn);
    if (entry?.state !== 'asking' || entry.continued === undefined) return false;
    const { respond } = entry.continued;
    entry.continued = undefined;
    entry.hasResponded = true;
    this.#ask(turn, entry, () => respond(payload, entry.gone.signal));
    return true;
  }

  /** What comes after the end of the login is too late: nobody is told, and nothing was taken for it. */
  #ask(turn: Turn, entry: Entry, judge: () => Promise<Judged | Continued<Judged>>): void {
    entry.state = 'judging';
    void (async () => judge())()
      .then(
        (step) => entry.state === 'judging' && this.#onStep(turn, entry, step),
        (error: unknown) => entry.state === 'judging' && this.#failed(turn, entry, error),
      )
      .catch((error: unknown) => this.#notTaken(error));
  }

  /** A fault of those who are told costs what they were told, and no other login. */
  #notTaken(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.log.error('auth.answer-not-taken', { error: text });
  }

  #onStep(turn: Turn, entry: Entry, step: Judged | Continued<Judged>): void {
    const { request } = entry;
    if (step.outcome !== 'continue') {
      this.#judged(turn, entry, step);
      return;
    }
    if (entry.isGone) {
      this.#giveUp(turn, entry);
      this.#tell(request, 'abandoned');
    } else {
      entry.state = 'asking';
      entry.continued = step;
    }
    request.answer({ kind: 'continue', payload: step.payload });
  }

  #judged(turn: Turn, entry: Entry, result: Judged): void {
    const { request } = entry;
    const delayMs = this.#waited(turn, entry);
    this.#settle(turn, entry, result.outcome);
    if (result.outcome === 'accepted' && result.user !== undefined) {
      this.#remember(request, result.user.name, result.version);
    }
    this.#tell(request, result.reason);
    request.answer({ kind: 'judged', result, delayMs });
  }

  /** A fault of ours is no guess, and leaves nothing open. */
  #failed(turn: Turn, entry: Entry, error: unknown): void {
    const isLeft = entry.isGone && error instanceof Error && error.name === 'AbortError';
    this.#settle(turn, entry, isLeft ? 'refused' : 'unjudged');
    if (!isLeft) {
      this.#fault(entry, error);
      return;
    }
    this.#tell(entry.request, 'abandoned');
    entry.request.answer({ kind: 'fault', error: error.message });
  }

  #fault({ request }: Entry, error: unknown): void {
    this.#tell(request, 'fault');
    request.answer({ kind: 'fault', error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }

  /** Nobody waits for its end any more. What it was told may have been that it is wrong: then it has had its guess. */
  #giveUp(turn: Turn, entry: Entry): void {
    this.#settle(turn, entry, entry.hasResponded && entry.state === 'asking' ? 'refused' : 'unjudged');
  }

  #release(turn: Turn): void {
    const entry = this.#entries.get(turn);
    this.#entries.delete(turn);
    if (entry === undefined || turn.hold === undefined) return;
    entry.state = 'over';
    this.#tell(entry.request, 'held-back');
    entry.request.answer({ kind: 'held-back', hold: turn.hold, delayMs: this.#waited(turn, entry) });
  }

  #leave(turn: Turn): boolean {
    const entry = this.#entries.get(turn);
    if (entry === undefined) return false;
    switch (entry.state) {
      case 'judging': // its outcome counts all the same
        if (!entry.isGone) {
          entry.isGone = true;
          entry.gone.abort();
        }
        return true;
      case 'asking':
        this.#giveUp(turn, entry);
        break;
      case 'waiting':
        entry.state = 'over';
        this.#entries.delete(turn);
        this.throttle.leave(turn, this.#options.clock.now());
        this.#alarm.update();
        break;
      case 'over':
        return false;
      default:
        entry.state satisfies never;
    }
    this.#tell(entry.request, 'abandoned');
    return false;
  }

  #settle(turn: Turn, entry: Entry, outcome: Outcome): void {
    entry.state = 'over';
    this.#entries.delete(turn);
    this.throttle.settle(turn, outcome, this.#options.clock.now());
    this.#serve();
    this.#alarm.update();
  }

  #waited(turn: Turn, { startedAt }: Entry): number {
    return turn.hold === undefined ? 0 : Math.round(this.#options.clock.now() - startedAt);
  }

  /** Nobody is kept out because a place can't be written. Behind a tunnel that ends here there is no place. */
  #remember({ realm, address }: LoginRequest<Judged>, name: string, version: string | undefined): void {
    const origin = originOf(address);
    if (realm !== 'vpn' || origin.isLoopback) return;
    this.#options.places.rememberPlace(name, origin.address, version).catch((error: unknown) => {
      this.#options.log.error('users.place-not-recorded', {
        user: name,
        error: error instanceof Error ? error.message : String(error),
      });
    });
  }

  /**
   * Over the name as it was sent: that of the user, which is known only if there is one, would tell whether there is. With
   * its realm: who tries one password on users of many realms guesses each time.
   */
  #proofOf(name: string, password: string | Uint8Array): string {
    return createHmac('sha256', this.#proofKey)
      .update(`${foldUserName(name)}\n`)
      .update(password)
      .digest('base64');
  }

  #tell({ address: peerAddress, name, method }: LoginRequest<Judged>, reason: Login['reason']): void {
    const login = { peerAddress, name, method, reason };
    for (const observer of this.#options.observers ?? []) observer.judged?.(login);
  }

  #onAttack(attack: Attack): void {
    this.#options.log.warn('auth.under-attack', attackFields(attack));
    for (const observer of this.#options.observers ?? []) observer.attacked?.(attack);
  }
}
