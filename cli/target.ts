import { isIP } from 'node:net';
import type { DialSettings } from '../client/dial.ts';

/** `name`, `name:port`, `192.0.2.1:port`, `2001:db8::1`, `[2001:db8::1]:port`; undefined if it is none of them. */
export function parseTarget(target: string): Pick<DialSettings, 'host' | 'port'> | undefined {
  if (isIpv6(target)) return { host: target, port: 443 };
  const match = /^(?:\[([^\]]+)\]|([^-:\s/[\]][^:\s/[\]]*))(?::(\d{1,5}))?$/.exec(target);
  const port = Number(match?.[3] ?? 443);
  const [ipv6 = '', name = ''] = [match?.[1], match?.[2]];
  // A name of numbers and dots alone is a mistyped address.
  const isName = isIP(name) === 4 || !/^[\d.]*$/.test(name);
  const host = isIpv6(ipv6) ? ipv6 : isName ? name : undefined;
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** Without a zone. */
function isIpv6(text: string): boolean {
  return isIP(text) === 6 && !text.includes('%');
}
