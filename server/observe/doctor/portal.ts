import { type Finding, fine, warning } from '../../../core/index.ts';
import { chooseByName } from '../../../tls/index.ts';
import type { Config } from '../../config/index.ts';

const CHECK = 'portal';

/**
 * Whether what users do in the portal is theirs alone: to a browser, all that is on one host and port is one program.
 *
 * @param names on the certificates
 */
export function judgePortal({ portal, http }: Pick<Config, 'portal' | 'http'>, names: readonly string[]): Finding[] {
  if (!portal.enabled) return [];
  const { host, path } = portal;
  if (host === undefined) {
    const hasSite = http.fallback.kind === 'directory' || http.fallback.kind === 'proxy';
    if (!hasSite) return [fine(CHECK, `${path}, with nothing of others beside it`)];
    return [
      warning(
        CHECK,
        'it is on the same host as the site of http.fallback: a script of that site can use it as whoever is signed in',
        '--portal-host with a name that the portal has for itself, or --no-portal',
      ),
    ];
  }
  // Of two, the second is the one whose names are asked about.
  if (chooseByName([{ names: [] }, { names }], host) === 1) return [fine(CHECK, `${path} on ${host} alone`)];
  return [
    warning(
      CHECK,
      `no certificate is for ${host}, its name by portal.host: browsers warn there`,
      `--host ${host} beside the names that clients dial, or a certificate that has it`,
    ),
  ];
}
