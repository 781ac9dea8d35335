/**
 * The one place where a login waits, is judged, is reported to the throttle and told to those who look on: of the VPN, of
 * the portal and of the admin page.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { type Attack, type Hold, type LiftTarget, LoginThrottle, type Outcome, type Turn } from '../../auth/index.ts';
import { attackFields } from '../../auth/throttle/hold-text.ts';
import { Alarm, type Clock, foldUserName, type Log, originOf } from '../../core/index.ts';
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
  /** Of a cookie that was found good. */
  readonly browser?: string | undefined;
  /**
   * Looks at the proof, when its turn has come. What it throws is a fault of ours.
   *
   * @param only folded names of users: the login has gone before strangers as one of theirs, so it is nobody else's
   */
  readonly judge: (only: readonly string[]) => Result | Promise<Result>;
  /** Told once, perhaps while `enter` runs; not after `leave`. */
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
}

export type LoginAnswer<Result> =
  | { readonly kind: 'judged'; readonly result: Result; readonly delayMs: number }
  /** Nobody looked at it: it has waited for as long as it may, or too many wait. */
  | { readonly kind: 'held-back'; readonly hold: Hold; readonly delayMs: number }
  | { readonly kind: 'fault'; readonly error: string };

/** A login that is not over. */
export interface PendingLogin {
  /** The client has gone. May be called again, also when there was an answer. */
  leave(): void;
}

export interface LoginDeskOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** From where users have logged in. */
  readonly places: {
    usersKnownAt(readings: readonly string[], place: string): readonly string[];
    rememberPlace(name: string, place: string): void;
  };
  readonly observers?: readonly SessionObserver[];
  /** From 0 up to 1. */
  readonly random?: () => number;
}

interface Entry {
  readonly request: LoginRequest<Judged>;
  readonly startedAt: number;
  /** Of the users whom its name may mean, those who are known where it comes from. */
  knownThere: readonly string[];
  isGone: boolean;
}

export class LoginDesk {
  readonly throttle: LoginThrottle;
  readonly #options: LoginDeskOptions;
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
      () => this.throttle.deadline(clock.now()),
      () => this.#serve(),
    );
  }

  enter<Result extends Judged>(request: LoginRequest<Result>): PendingLogin {
    const { realm, address, name, readings = [name], browser, password } = request;
    const now = this.#options.clock.now();
    const entry: Entry = {
      ...{ request: request as unknown as LoginRequest<Judged>, startedAt: now, knownThere: [], isGone: false },
    };
    let turn: Turn | undefined;
    try {
      const { places } = this.#options;
      if (realm === 'vpn') entry.knownThere = places.usersKnownAt(readings, originOf(address).address);
      const isKnown = entry.knownThere.length > 0;
      const proof = password === undefined ? undefined : this.#proofOf(readings[0] ?? '', password);
      turn = this.throttle.enter({ realm, address, user: name, readings, isKnown, browser, proof }, now);
    } catch (error) {
      this.#fault(entry, error);
    }
    if (turn === undefined) return { leave: () => {} };
    const entered = turn;
    this.#entries.set(entered, entry);
    if (entered.hold !== undefined) request.held?.(entered.hold);
    this.#serve();
    return { leave: () => this.#leave(entered) };
  }

  #serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      for (;;) {
        const { judge, release } = this.throttle.due(this.#options.clock.now());
        for (const turn of release) this.#release(turn);
        for (const turn of judge) this.#judge(turn);
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
    try {
      const result = entry.request.judge(entry.knownThere);
      if (result instanceof Promise) {
        void result.then(
          (judged) => this.#judged(turn, entry, judged),
          (error: unknown) => this.#failed(turn, entry, error),
        );
      } else this.#judged(turn, entry, result);
    } catch (error) {
      this.#failed(turn, entry, error);
    }
  }

  #judged(turn: Turn, entry: Entry, result: Judged): void {
    const { request } = entry;
    const delayMs = this.#waited(turn, entry);
    this.#settle(turn, result.outcome);
    if (result.outcome === 'accepted' && result.user !== undefined) this.#remember(request, result.user.name);
    this.#tell(request, result.reason);
    if (!entry.isGone) request.answer({ kind: 'judged', result, delayMs });
  }

  /** A fault of ours is no guess, and leaves nothing open. */
  #failed(turn: Turn, entry: Entry, error: unknown): void {
    this.#settle(turn, 'unjudged');
    this.#fault(entry, error);
  }

  #fault({ request, isGone }: Entry, error: unknown): void {
    this.#tell(request, 'fault');
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (!isGone) request.answer({ kind: 'fault', error: text });
  }

  #release(turn: Turn): void {
    const entry = this.#entries.get(turn);
    this.#entries.delete(turn);
    if (entry === undefined || turn.hold === undefined) return;
    this.#tell(entry.request, 'held-back');
    entry.request.answer({ kind: 'held-back', hold: turn.hold, delayMs: this.#waited(turn, entry) });
  }

  #leave(turn: Turn): void {
    const entry = this.#entries.get(turn);
    if (entry === undefined || entry.isGone) return;
    entry.isGone = true;
    this.throttle.leave(turn, this.#options.clock.now());
    if (this.throttle.isJudged(turn)) return; // its outcome counts all the same
    this.#entries.delete(turn);
    this.#tell(entry.request, 'abandoned');
    this.#alarm.update();
  }

  #settle(turn: Turn, outcome: Outcome): void {
    this.#entries.delete(turn);
    this.throttle.settle(turn, outcome, this.#options.clock.now());
    this.#serve();
    this.#alarm.update();
  }

  #waited(turn: Turn, { startedAt }: Entry): number {
    return turn.hold === undefined ? 0 : Math.round(this.#options.clock.now() - startedAt);
  }

  /** Nobody is kept out because a place can't be written. Behind a tunnel that ends here there is no place. */
  #remember({ realm, address }: LoginRequest<Judged>, name: string): void {
    const origin = originOf(address);
    if (realm !== 'vpn' || origin.isLoopback) return;
    try {
      this.#options.places.rememberPlace(name, origin.address);
    } catch (error) {
      this.#options.log.error('users.place-not-recorded', {
        user: name,
        error: error instanceof Error ? error.message : String(error),
      });
    }
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
