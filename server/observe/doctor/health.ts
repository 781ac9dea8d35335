import type { HealthView } from '../../../admin/index.ts';
import type { Clock, Finding, Instant } from '../../../core/index.ts';
import { wouldWork } from './doctor.ts';

/** Findings are kept for so long: each look starts commands, and connects to our own ports. */
const FRESH_MS = 30_000;

/** @param examine looks at everything anew @returns the newest findings; who asks together, gets the same */
export function healthOf(examine: () => Promise<readonly Finding[]>, clock: Clock): () => Promise<HealthView> {
  let last: { readonly view: Promise<HealthView>; readonly at: Instant } | undefined;
  return () => {
    const now = clock.now();
    if (last === undefined || now - last.at >= FRESH_MS) last = { view: examine().then(viewOf), at: now };
    return last.view;
  };
}

const VERDICTS = { ok: 'ok', warning: 'warning', problem: 'failure' } as const;

function viewOf(findings: readonly Finding[]): HealthView {
  const checks = findings.map(({ check, result, text, fix }) => ({ check, verdict: VERDICTS[result], text, fix }));
  return { at: new Date().toISOString(), ok: wouldWork(findings), checks };
}
