import { Counter, Histogram, type Registry } from 'prom-client';
import type { AttemptView } from '../../../admin/index.ts';
import type { LiveSession, Login, SessionEnd, SessionObserver } from '../../control/index.ts';
import type { HookName, HookResult } from '../hooks/hooks.ts';
import type { WebhookResult } from '../hooks/webhooks.ts';
import { among, TLS_FAILURES, tlsFailure } from './reasons.ts';
import { STAGES } from './report.ts';

const STAGE_SET: ReadonlySet<string> = new Set(STAGES);
export const METHODS: readonly LiveSession['method'][] = ['mschapv2', 'chap', 'pap'];
const LOGIN_METHODS: readonly Login['method'][] = [...METHODS, 'portal', 'admin'];
const LOGIN_REASONS: readonly Login['reason'][] = [
  'ok',
  'unknown-user',
  'wrong-password',
  'domain-hashed',
  'disabled',
  'method-needs-password',
  'unfinished',
  'abandoned',
  'held-back',
  'fault',
];
const HOOK_RESULTS: readonly HookResult[] = ['ok', 'failed', 'timeout', 'error', 'refused', 'dropped'];
const WEBHOOK_RESULTS: readonly WebhookResult[] = ['ok', 'failed', 'dropped'];
/** A round trip is a stage's least, a person who types a password its most. */
const STAGE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * Counts what the supervisor hears of: attempts, logins, ends of sessions, hooks. A series begins with 0, so that its
 * first event shows in a rate.
 */
export class EventMetrics implements SessionObserver {
  readonly #connects: Counter<'result' | 'stage'>;
  readonly #connectSeconds: Histogram;
  readonly #stageSeconds: Histogram<'stage'>;
  readonly #tlsFailures: Counter<'reason'>;
  readonly #logins: Counter<'method' | 'reason'>;
  readonly #attacks: Counter;
  readonly #ended: Counter<'reason'>;
  readonly #hookRuns: Counter<'hook' | 'result'>;
  readonly #hookSeconds: Histogram<'hook'>;
  readonly #webhooks: Counter<'result'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#connects = new Counter({
      name: 'sstp_connects_total',
      help: 'Attempts to connect that are over: up, or failed in this stage.',
      labelNames: ['result', 'stage'],
      registers,
    });
    this.#connects.inc({ result: 'up', stage: 'up' }, 0);
    for (const stage of STAGES) if (stage !== 'up') this.#connects.inc({ result: 'failed', stage }, 0);
    this.#connectSeconds = new Histogram({
      name: 'sstp_connect_duration_seconds',
      help: 'From TCP accept until packets pass, of those that came so far.',
      buckets: STAGE_SECONDS,
      registers,
    });
    this.#stageSeconds = new Histogram({
      name: 'sstp_connect_stage_duration_seconds',
      help: 'The part of each stage in that.',
      labelNames: ['stage'],
      buckets: STAGE_SECONDS,
      registers,
    });
    for (const stage of STAGES) if (stage !== 'up') this.#stageSeconds.zero({ stage });
    this.#tlsFailures = new Counter({
      name: 'sstp_tls_handshakes_failed_total',
      help: 'TLS handshakes that failed, by the alert of the client or how far they came.',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of TLS_FAILURES) this.#tlsFailures.inc({ reason }, 0);
    this.#logins = new Counter({
      name: 'sstp_auth_attempts_total',
      help: 'Logins by what became of them; nobody looked at those that were abandoned or held-back.',
      labelNames: ['method', 'reason'],
      registers,
    });
    for (const method of LOGIN_METHODS) for (const reason of LOGIN_REASONS) this.#logins.inc({ method, reason }, 0);
    this.#attacks = new Counter({
      name: 'sstp_auth_attacks_total',
      help: 'How often the guesses at a name, or on loopback at all names, were used up.',
      registers,
    });
    this.#ended = new Counter({
      name: 'sstp_sessions_ended_total',
      help: 'Sessions that were up and ended, by reason.',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of ['terminated-by-peer', 'disconnected-by-peer', 'worker-ended']) this.#ended.inc({ reason }, 0);
    this.#hookRuns = new Counter({
      name: 'sstp_hook_runs_total',
      help: 'Scripts for the begin and the end of sessions, by how they ended.',
      labelNames: ['hook', 'result'],
      registers,
    });
    this.#hookSeconds = new Histogram({
      name: 'sstp_hook_duration_seconds',
      help: 'How long they ran.',
      labelNames: ['hook'],
      buckets: STAGE_SECONDS,
      registers,
    });
    for (const hook of ['up', 'down'] as const) {
      this.#hookSeconds.zero({ hook });
      for (const result of HOOK_RESULTS) this.#hookRuns.inc({ hook, result }, 0);
    }
    this.#webhooks = new Counter({
      name: 'sstp_webhook_deliveries_total',
      help: 'Events for webhooks, by what became of them.',
      labelNames: ['result'],
      registers,
    });
    for (const result of WEBHOOK_RESULTS) this.#webhooks.inc({ result }, 0);
  }

  /** To be called with all news of attempts. */
  attempt({ state, stage, reason, stages }: AttemptView): void {
    switch (state) {
      case 'under-way':
      case 'ended':
        break;
      case 'up':
        this.#connects.inc({ result: 'up', stage: 'up' });
        this.#connectSeconds.observe(stages.reduce((sum, { ms }) => sum + ms, 0) / 1_000);
        for (const each of stages) {
          if (each.stage !== 'up') this.#stageSeconds.observe({ stage: among(STAGE_SET, each.stage) }, each.ms / 1_000);
        }
        break;
      case 'failed':
        this.#connects.inc({ result: 'failed', stage: among(STAGE_SET, stage) });
        if (stage === 'tls') this.#tlsFailures.inc({ reason: tlsFailure(reason ?? '') });
        break;
      default:
        state satisfies never;
    }
  }

  judged({ method, reason }: Login): void {
    this.#logins.inc({ method, reason });
  }

  attacked(): void {
    this.#attacks.inc();
  }

  down(_session: LiveSession, { reason }: SessionEnd): void {
    this.#ended.inc({ reason });
  }

  hookRun(hook: HookName, result: HookResult, seconds: number): void {
    this.#hookRuns.inc({ hook, result });
    this.#hookSeconds.observe({ hook }, seconds);
  }

  webhook(result: WebhookResult): void {
    this.#webhooks.inc({ result });
  }
}
