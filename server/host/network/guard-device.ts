/** A client is no router: what it says of routes and prefixes on its device is not listened to, and nobody is sent elsewhere. */
import { readSysctl, sysctlName, writeSysctl } from './sysctl.ts';

/** Below /proc/sys/net, with the device's name in place of `%`. */
const OFF = [
  'ipv4/conf/%/accept_redirects',
  'ipv4/conf/%/send_redirects',
  'ipv4/conf/%/accept_source_route',
  'ipv6/conf/%/accept_ra',
  'ipv6/conf/%/autoconf',
  'ipv6/conf/%/accept_redirects',
  'ipv6/conf/%/accept_source_route',
  // Source routes of another kind: RFC 8754, RFC 6554.
  'ipv6/conf/%/seg6_enabled',
  'ipv6/conf/%/rpl_seg_enabled',
];
const SOURCE_ROUTES = /(?:accept_source_route|seg6_enabled|rpl_seg_enabled)$/;

/** @returns lines for what can't be turned off and counts; redirects and advertisements our nftables table drops as well */
export async function guardDevice(device: string): Promise<string[]> {
  const lines: string[] = [];
  for (const setting of OFF) {
    const path = `net/${setting.replace('%', device)}`;
    if ((await writeSysctl(path, '0')) !== 'refused' || !SOURCE_ROUTES.test(setting)) continue;
    const all = await readSysctl(`net/${setting.replace('%', 'all')}`);
    if (all === '0' || all === '-1') continue; // both have to allow it
    lines.push(
      `WARNING: ${device} takes source routes, and that can't be turned off from here: sysctl -w ${sysctlName(path)}=0`,
    );
  }
  return lines;
}
