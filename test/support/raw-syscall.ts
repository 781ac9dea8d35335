/** Builds and loads support/raw-syscall.cc: system calls by hand. */
// Needs: g++
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { findIncludeFolder } from '../../tun/native/headers.mjs';

export type Word = number | Buffer;

export interface RawSyscalls {
  /** @returns what the kernel says; an error as a negative number */
  call(name: string | number, ...words: readonly Word[]): number;
  /** getpid(2) by the entry of 32-bit programs; 0 where the processor has none. */
  call32(): number;
  addressOf(buffer: Buffer): number;
}

/** @returns the file */
export function buildRawSyscalls(folder: string): string {
  const file = join(folder, 'raw-syscall.node');
  const source = join(import.meta.dirname, 'raw-syscall.cc');
  const flags = ['-std=c++17', '-O1', '-shared', '-fPIC', `-I${findIncludeFolder()}`];
  execFileSync('g++', [...flags, '-o', file, source], { stdio: 'pipe' });
  return file;
}

export function loadRawSyscalls(file: string): RawSyscalls {
  return createRequire(import.meta.url)(file) as RawSyscalls;
}
