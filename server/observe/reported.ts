/** What a worker writes down and reports. All else of this folder is loaded in the supervisor alone. */
export { Attempt, type AttemptContext } from './explain/attempt.ts';
export { isBrowser } from './explain/browser.ts';
export { certificateFacts } from './explain/certificate-facts.ts';
export type { Stage } from './explain/stage.ts';
export { ProcessMonitor } from './metrics/process-monitor.ts';
export {
  acceptReport,
  addReports,
  COUNT_NAMES,
  countsOnly,
  LEVEL_NAMES,
  MAIN,
  makeReport,
  type Report,
} from './metrics/report.ts';
