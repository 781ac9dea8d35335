/** What the server's words for stages and states mean to people. */

/** @import { AttemptView } from '../backend.ts' */
/** @import { Tone } from './controls.js' */

/** @type {Readonly<Record<string, string>>} */
const STAGES = {
  tls: 'TLS',
  http: 'HTTP',
  sstp: 'SSTP',
  lcp: 'LCP',
  authentication: 'Authentication',
  binding: 'Crypto Binding',
  network: 'Network',
  up: 'Connected',
};

/** @param {string} stage */
export function stageName(stage) {
  return STAGES[stage] ?? stage;
}

/**
 * @param {AttemptView} attempt
 * @returns {{ tone: Tone, text: string }}
 */
export function outcomeOf({ state, stage }) {
  switch (state) {
    case 'failed':
      return { tone: 'bad', text: `Failed at ${stageName(stage)}` };
    case 'up':
      return { tone: 'good', text: 'Connected' };
    case 'ended':
      return { tone: 'neutral', text: 'Ended' };
    case 'under-way':
      return { tone: 'warning', text: `Under way: ${stageName(stage)}` };
    default:
      return /** @type {never} */ (state);
  }
}
