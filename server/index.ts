/**
 * The server process: start, stop, and what ties the wings together.
 * Introduces the layers to one another; what a protocol says is decided in sstp/ and ppp/, never here.
 */

export { isOperatorError } from '../core/index.ts';
export { type IssueResult, issueByHand, lookAtAuthority, otherNames } from './certificates/index.ts';
export {
  type Config,
  ConfigError,
  describeSchema,
  type FlagValues,
  loadConfig,
  type Origins,
  showConfig,
} from './config/index.ts';
export { fixedAddressCheck, UserDesk } from './control/index.ts';
export { createLog, type LogSink } from './log/index.ts';
export { examineServer, wouldWork } from './observe/index.ts';
export { type ServeOptions, serve } from './serve.ts';
