/** The configuration: one schema for file, environment and flags, how it is read, checked and shown. */

export type { FlagValues } from './assemble.ts';
export type { Config } from './config.ts';
export { isInbound, placesOf } from './derived.ts';
export { ConfigError } from './error.ts';
export { type HostAccess, type HostService, hostAccess, type ListenAddress, type Network, network } from './format.ts';
export type { Applies, Flag } from './kinds.ts';
export { configFlags, describeSchema, type LoadedConfig, loadConfig, loadShown, showConfig } from './load.ts';
export { nearest } from './nearest.ts';
export { MOST_WORKERS } from './schema.ts';
export type { KeyDescription, Origins, ShownKey } from './show.ts';
