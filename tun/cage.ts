/** What shuts a process in: a program that does it before another one starts, and what a process does to itself. */
import { dirname, join } from 'node:path';
import { addonFile, loadNative } from './native.ts';

/**
 * Confines itself by Landlock and seccomp and becomes the program it is told: see native/cage.cc. Built with the addon,
 * and beside it; for x86-64 and arm64.
 */
export const cageProgram: string = join(dirname(addonFile), 'sstpd-cage');

/**
 * From now on this process, with all its threads, starts no program and listens on nothing new, and opens files by their
 * names only if it is said that it has to. For good. See native/cage_filter.h.
 *
 * @throws {Error} with `code` and `syscall`
 */
export function confine({ opensFiles }: { readonly opensFiles: boolean }): void {
  loadNative().confine(opensFiles ? 1 : 0);
}
