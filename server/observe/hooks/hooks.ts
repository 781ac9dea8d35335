/** What an operator has run, and told, when sessions come and go. In the supervisor, never in a worker. */
import type { Attack } from '../../../auth/index.ts';
import { attackFields } from '../../../auth/throttle/hold-text.ts';
import type { Log } from '../../../core/index.ts';
import type { Config } from '../../config/index.ts';
import type { LiveSession, Login, SessionEnd, SessionObserver } from '../../control/index.ts';
import type { CheckedHooks } from './check-hooks.ts';
import { downEvent, type SessionEvent, scriptArguments, scriptEnvironment, upEvent } from './hook-event.ts';
import { HookLanes, type HookTask } from './hook-lanes.ts';
import { runScript, type ScriptEnd, type ScriptOptions } from './run-script.ts';
import { type WebhookEvent, type WebhookResult, Webhooks } from './webhooks.ts';

export type HookName = 'up' | 'down';
/** `refused`: a name with a NUL in it; `dropped`: too many waited, or the server stopped. */
type HookEnd = ScriptEnd | { readonly kind: 'refused' | 'dropped' };
export type HookResult = HookEnd['kind'];

export interface HooksOptions {
  readonly config: Config['hooks'];
  readonly checked: CheckedHooks;
  readonly uid: number;
  readonly log: Log;
  readonly counts: {
    hookRun(hook: HookName, result: HookResult, seconds: number): void;
    webhook(result: WebhookResult): void;
  };
}

const AT_ONCE = 8;
const MOST_WAITING = 10_000;
const MOST_WAITING_PER_USER = 100;
/** How long the end of the server waits for what is still to be run and sent. */
const STOP_MS = 10_000;
/** Logins that are refused: an attack must not become a flood of events. */
const MOST_LOGINS_PER_MINUTE = 30;
const MINUTE_MS = 60_000;
const MOST_NAME_LENGTH = 256;

export class Hooks implements SessionObserver {
  readonly #options: HooksOptions;
  readonly #webhooks: Webhooks;
  readonly #lanes: HookLanes;
  readonly #stopping = new AbortController();
  #logins = { minute: 0, count: 0 };

  constructor(options: HooksOptions) {
    const { config, checked, log, counts } = options;
    this.#options = options;
    this.#webhooks = new Webhooks({
      urls: config.webhooks,
      secret: checked.secret,
      log,
      counted: (result) => counts.webhook(result),
    });
    this.#lanes = new HookLanes({
      atOnce: AT_ONCE,
      mostWaiting: MOST_WAITING,
      mostWaitingPerUser: MOST_WAITING_PER_USER,
      run: (task) => this.#run(task),
      dropped: (task) => this.#ended(task, { kind: 'dropped' }, 0),
    });
  }

  /** What has not begun, or has not arrived. */
  get waiting(): { readonly scripts: number; readonly webhooks: number } {
    return { scripts: this.#lanes.waiting, webhooks: this.#webhooks.waiting };
  }

  up(session: LiveSession): void {
    const event = upEvent(session);
    if (this.#hasScripts) this.#lanes.up({ session, event });
    this.#webhooks.send(event);
  }

  down(session: LiveSession, end: SessionEnd): void {
    const event = downEvent(session, end, new Date());
    if (this.#hasScripts) this.#lanes.down({ session, event });
    this.#webhooks.send(event);
  }

  judged({ name, method, peerAddress, reason }: Login): void {
    if (reason === 'ok' || !this.#admitsLogin()) return;
    const user = name.slice(0, MOST_NAME_LENGTH);
    this.tell({ event: 'login.failed', at: new Date().toISOString(), user, method, peerAddress, reason });
  }

  attacked(attack: Attack): void {
    if (!this.#admitsLogin()) return;
    const facts = attackFields({ ...attack, user: attack.user?.slice(0, MOST_NAME_LENGTH) });
    this.tell({ event: 'auth.under-attack', at: new Date().toISOString(), ...facts });
  }

  /** Has receivers told of something else. */
  tell(event: WebhookEvent & Readonly<Record<string, unknown>>): void {
    this.#webhooks.send(event);
  }

  /** Waits for what sessions have left to be done, and ends the rest. @returns a line if there is a rest */
  async stop(): Promise<string[]> {
    const all = Promise.all([this.#lanes.idle(), this.#webhooks.idle()]);
    const late = await Promise.race([all.then(() => false), after(STOP_MS)]);
    const { scripts, webhooks } = this.waiting;
    this.#stopping.abort();
    this.#webhooks.stop();
    await all;
    return late
      ? [`hooks: ${scripts} scripts were not run and ${webhooks} events not sent within ${STOP_MS / 1000} s`]
      : [];
  }

  get #hasScripts(): boolean {
    const { up, down } = this.#options.checked;
    return up !== undefined || down !== undefined;
  }

  async #run(task: HookTask): Promise<void> {
    const { event } = task;
    const file = this.#options.checked[hookOf(event)];
    if (file === undefined) return;
    const args = scriptArguments(event);
    const env = scriptEnvironment(event, this.#options.uid);
    const hasNul = [...args, ...Object.values(env)].some((value) => value.includes('\0'));
    const startedAt = performance.now();
    const end: HookEnd = this.#stopping.signal.aborted
      ? { kind: 'dropped' }
      : hasNul
        ? { kind: 'refused' }
        : await this.#start(event, { file, args, env });
    this.#ended(task, end, (performance.now() - startedAt) / 1_000);
  }

  #start(event: SessionEvent, program: Pick<ScriptOptions, 'file' | 'args' | 'env'>): Promise<ScriptEnd> {
    const { config, log } = this.#options;
    const { session, peerAddress: peer } = event; // with the peer, the log limits what its scripts print
    return runScript({
      ...program,
      input: `${JSON.stringify(event)}\n`,
      timeoutMs: config.timeoutMs,
      signal: this.#stopping.signal,
      onLine: (line) => log.info('hook.output', { hook: hookOf(event), session, peer, line }),
    });
  }

  #ended({ session, event }: HookTask, end: HookEnd, seconds: number): void {
    const { log, counts, config } = this.#options;
    const { kind: result, ...details } = end;
    const hook = hookOf(event);
    counts.hookRun(hook, result, seconds);
    const { id, peerAddress: peer } = session;
    const fields = { hook, session: id, peer, result, ...details, ms: Math.round(seconds * 1_000) };
    if (result === 'ok') log.info('hook.ended', fields);
    else log.warn('hook.failed', fields);
    if (hook === 'up' && result !== 'ok' && config.upRequired) session.disconnect('hook-failed');
  }

  #admitsLogin(): boolean {
    const minute = Math.floor(performance.now() / MINUTE_MS);
    if (this.#logins.minute !== minute) this.#logins = { minute, count: 0 };
    this.#logins.count += 1;
    return this.#logins.count <= MOST_LOGINS_PER_MINUTE;
  }
}

function hookOf({ event }: SessionEvent): HookName {
  return event === 'session.up' ? 'up' : 'down';
}

function after(ms: number): Promise<true> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(true), ms).unref();
  });
}
