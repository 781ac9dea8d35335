import type { FloodView } from '../../../admin/index.ts';
import { type Finding, fine, warning } from '../../../core/index.ts';

/** A flood that is over is of interest for so long. */
const REMEMBERED_MS = 3_600_000;

/** Whether more connections come, or came lately, than there are places for those that have not logged in. */
export function judgeFlood(flood: FloodView | undefined, now: Date): Finding {
  const check = 'floods';
  const isOld = flood?.until !== undefined && now.getTime() - Date.parse(flood.until) > REMEMBERED_MS;
  if (flood === undefined || isOld) return fine(check, 'no connection had to make room lately');
  const { since, until, pushedOut, refused, limits, from } = flood;
  const when = until === undefined ? `since ${clock(since)}` : `from ${clock(since)} to ${clock(until)}`;
  const most = from[0] === undefined ? '' : `, most from ${from.map(({ network }) => network).join(', ')}`;
  return warning(
    check,
    `${when} ${refused} connections were refused and ${pushedOut} had to make room before a login${most}`,
    `if these are honest clients, raise ${limits.map((limit) => `limits.${limit}`).join(' and ')}; ` +
      'if not, block those networks in front of this server (docs/security.md, Floods)',
  );
}

function clock(time: string): string {
  return `${time.slice(0, 16).replace('T', ' ')} UTC`;
}
