/** The configuration: one schema for file, environment and flags, how it is read, checked and shown. */

export { isInbound, placesOf } from './derived.ts';
export { ConfigError } from './error.ts';
export { type HostAccess, type HostService, hostAccess, type ListenAddress, type Network, network } from './format.ts';
export {
  configFlags,
  describeSchema,
  type FlagValues,
  type KeyDescription,
  type LoadedConfig,
  loadConfig,
  type Origins,
  showConfig,
  veilConfig,
} from './load.ts';
export { nearest } from './nearest.ts';
export { type Config, type Flag, MOST_WORKERS } from './schema.ts';
