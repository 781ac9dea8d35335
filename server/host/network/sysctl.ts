/** Kernel settings under /proc/sys/net, written only where they differ. */
import { readFile, writeFile } from 'node:fs/promises';

/** `unchanged`: it had the value already. `absent`: this kernel has no such setting. `refused`: read-only, or no right. */
export type SysctlOutcome = 'unchanged' | 'written' | 'absent' | 'refused';

/** @param path below /proc/sys, for example `net/ipv4/ip_forward`. @returns undefined if there is no such setting */
export async function readSysctl(path: string): Promise<string | undefined> {
  return await readFile(`/proc/sys/${path}`, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}

/** Sets a value unless it is set. Never rejects. */
export async function writeSysctl(path: string, value: string): Promise<SysctlOutcome> {
  const before = await readSysctl(path);
  if (before === undefined) return 'absent';
  if (before === value) return 'unchanged';
  return await writeFile(`/proc/sys/${path}`, value).then(
    () => 'written' as const,
    () => 'refused' as const,
  );
}

/** The name as sysctl(8) takes it: dots for slashes, and slashes for the dots of an interface's name. */
export function sysctlName(path: string): string {
  return path.replace(/[./]/g, (sign) => (sign === '/' ? '.' : '/'));
}
