/** Who looks on and changes no session: explain, doctor, metrics, hooks. */
export { asRemark, examineRevocationLater, examineServer, examineStart, wouldWork } from './doctor/doctor.ts';
export { healthOf } from './doctor/health.ts';
export { runningDoctor } from './doctor/running.ts';
export { AttemptRing } from './explain/attempt-ring.ts';
export type { CertificateFacts } from './explain/facts.ts';
export { PortalAttempt } from './explain/portal-attempt.ts';
export { explainAddress, isWithoutAddress, unusableAddresses } from './explain/unusable-address.ts';
export { type CheckedHooks, checkHooks } from './hooks/check-hooks.ts';
export { openMetrics, probeMetricsListener } from './metrics/open-metrics.ts';
export { Watch } from './watch.ts';
