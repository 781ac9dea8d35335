/** Which network devices are those of an sstpd, this one or another on the machine. */
import { readFileSync } from 'node:fs';

/** What `ip link` shows as the alias of each. */
export const DEVICE_ALIAS = 'sstpd';

/** Clients reach its addresses only once they are connected. @param name as `networkInterfaces` has it */
export function isVpnDevice(name: string): boolean {
  try {
    return readFileSync(`/sys/class/net/${name}/ifalias`, 'utf8').trim() === DEVICE_ALIAS;
  } catch {
    // Gone meanwhile, or a second address that has a label of its own: then not ours, which have none.
    return false;
  }
}
