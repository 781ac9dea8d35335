import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Log, version } from '../../../core/index.ts';

export type WebhookResult = 'ok' | 'failed' | 'dropped';

export interface WebhookOptions {
  readonly urls: readonly string[];
  readonly secret: Buffer;
  readonly log: Log;
  readonly counted: (result: WebhookResult) => void;
  /** For tests. */
  readonly fetch?: typeof fetch;
  readonly firstWaitMs?: number;
}

/** What happened, under its name. */
export interface WebhookEvent {
  readonly event: string;
}

const TRIES = 5;
const ANSWER_MS = 5_000;
const FIRST_WAIT_MS = 1_000;
/** Events that wait for one receiver; the newest is left out. */
const MOST_WAITING = 1_000;
/** Answers other than 5xx that another try may change. */
const WORTH_RETRYING: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * Posts events as JSON, to each receiver in order, one at a time. `x-sstpd-signature` is `sha256=` and the HMAC-SHA-256 of
 * the timestamp, a dot and the body, in hexadecimal; a receiver that refuses old timestamps can't be sent a recording.
 */
export class Webhooks {
  readonly #receivers: readonly Receiver[];

  constructor(options: WebhookOptions) {
    this.#receivers = options.urls.map((url) => new Receiver(url, options));
  }

  /** Events that have not been delivered. */
  get waiting(): number {
    return this.#receivers.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  send(event: WebhookEvent): void {
    for (const receiver of this.#receivers) receiver.add(event);
  }

  /** Resolves when all is delivered or given up. */
  async idle(): Promise<void> {
    await Promise.all(this.#receivers.map((receiver) => receiver.idle()));
  }

  /** Gives up what is left. */
  stop(): void {
    for (const receiver of this.#receivers) receiver.stop();
  }
}

interface Delivery {
  readonly id: string;
  readonly event: string;
  readonly body: string;
}

class Receiver {
  readonly #url: string;
  /** For the log: a path or a query may be a secret. */
  readonly #origin: string;
  readonly #options: WebhookOptions;
  readonly #queue: Delivery[] = [];
  readonly #stopping = new AbortController();
  #work: Promise<void> | undefined;

  constructor(url: string, options: WebhookOptions) {
    this.#url = url;
    this.#origin = new URL(url).origin;
    this.#options = options;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  add(event: WebhookEvent): void {
    if (this.#queue.length >= MOST_WAITING || this.#stopping.signal.aborted) {
      this.#options.log.warn('webhook.dropped', { receiver: this.#origin, event: event.event });
      this.#options.counted('dropped');
      return;
    }
    this.#queue.push({ id: randomUUID(), event: event.event, body: JSON.stringify(event) });
    this.#work ??= this.#deliverAll().finally(() => {
      this.#work = undefined;
    });
  }

  async idle(): Promise<void> {
    await this.#work;
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #deliverAll(): Promise<void> {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      const problem = this.#stopping.signal.aborted ? 'the server stopped' : await this.#deliver(first);
      this.#queue.shift();
      this.#options.counted(problem === undefined ? 'ok' : 'failed');
      if (problem === undefined) continue;
      this.#options.log.warn('webhook.failed', { receiver: this.#origin, event: first.event, id: first.id, problem });
    }
  }

  /** @returns why it was not delivered */
  async #deliver(delivery: Delivery): Promise<string | undefined> {
    let problem: string | undefined;
    let waitMs = this.#options.firstWaitMs ?? FIRST_WAIT_MS;
    for (let tried = 1; ; tried += 1) {
      const answer = await this.#post(delivery);
      if (answer === 'ok') return undefined;
      problem = answer.problem;
      if (!answer.isWorthRetrying || tried === TRIES) return problem;
      try {
        await sleep(waitMs, undefined, { signal: this.#stopping.signal });
      } catch {
        return problem;
      }
      waitMs *= 2;
    }
  }

  async #post(delivery: Delivery): Promise<'ok' | { readonly problem: string; readonly isWorthRetrying: boolean }> {
    const { fetch: post = fetch, secret } = this.#options;
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const signal = AbortSignal.any([AbortSignal.timeout(ANSWER_MS), this.#stopping.signal]);
    try {
      const response = await post(this.#url, {
        method: 'POST',
        redirect: 'manual', // what is signed for one receiver is not another's
        headers: {
          'content-type': 'application/json',
          'user-agent': `sstpd/${version}`,
          'x-sstpd-event': delivery.event,
          'x-sstpd-delivery': delivery.id,
          'x-sstpd-timestamp': timestamp,
          'x-sstpd-signature': signatureOf(secret, timestamp, delivery.body),
        },
        body: delivery.body,
        signal,
      });
      await response.body?.cancel();
      if (response.ok) return 'ok';
      const { status } = response;
      return { problem: `HTTP ${status}`, isWorthRetrying: status >= 500 || WORTH_RETRYING.has(status) };
    } catch (error) {
      return { problem: reasonOf(error), isWorthRetrying: !this.#stopping.signal.aborted };
    }
  }
}

/** @param body as it is sent */
export function signatureOf(secret: Buffer, timestamp: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
}

/** `fetch` says no more than that it failed; why stands in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
