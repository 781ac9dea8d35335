import type { Machine, Missing } from './fetch-packages.mjs';

/** What a test replaces. */
export interface InstallMachine extends Machine {
  readonly complain: (line: string) => void;
  readonly tools: () => Missing;
  readonly build: () => number;
}
/** @returns exit status */
export function install(given?: Partial<InstallMachine>): number;
