/**
 * The server process: configuration, start and stop, listeners, one `Connection` per client, leases, the host's network.
 * Introduces the layers to one another; what a protocol says is decided in sstp/ and ppp/, never here.
 */
export type { IssueResult } from './certificates/issue.ts';
export { lookAtAuthority } from './certificates/look-at-authority.ts';
export { issueByHand, otherNames } from './certificates/operator-issue.ts';
export {
  type Config,
  ConfigError,
  describeSchema,
  type FlagValues,
  loadConfig,
  type Origins,
  showConfig,
} from './config.ts';
export { examineServer, wouldWork } from './doctor/doctor.ts';
export { fixedAddressRefusal } from './fixed-address.ts';
export { fixedAddressCheck } from './fixed-address-check.ts';
export { createLog, type LogSink } from './log.ts';
export { isOperatorError } from './operator-error.ts';
export { type ServeOptions, serve } from './serve.ts';
