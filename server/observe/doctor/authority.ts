/** Our own authority: what who has its key could do, and who has it. */
import { join } from 'node:path';
import type { AuthorityView } from '../../../admin/index.ts';
import { CertificateError, nameOutside, parseCertificates, readIfThere } from '../../../certs/index.ts';
import { asUser, type Finding, fine, problem, warning } from '../../../core/index.ts';
import { authorityView } from '../../certificates/index.ts';
import type { Config } from '../../config/index.ts';
import type { RunUser } from '../../host/index.ts';

const CHECK = 'own authority';

/**
 * None where the operator's files are served.
 *
 * @param names what clients dial
 */
export function examineAuthority(
  config: Pick<Config, 'data' | 'tls'>,
  user: RunUser,
  names: readonly string[],
  now: Date,
): Finding[] {
  const { data, tls } = config;
  if (tls.cert.length > 0) return [];
  try {
    const file = join(data, 'ca.pem');
    return asUser(user, () => {
      const pem = readIfThere(file);
      if (pem === undefined) return [];
      const [certificate] = parseCertificates(pem.bytes, file);
      // Until the ACME authority has issued one, what the own one can do for these names is good enough.
      const outside = tls.acme.enabled ? undefined : nameOutside(certificate, names);
      return judgeAuthority(authorityView(certificate.toString(), data, user.uid, now), { data, user, outside });
    });
  } catch (error) {
    if (error instanceof CertificateError) return [problem(CHECK, error.message, 'see docs/certificates.md')];
    throw error;
  }
}

export interface AuthorityPlace {
  readonly data: string;
  readonly user: RunUser;
  /** A name that clients dial and that it can't issue for. */
  readonly outside: string | undefined;
}

export function judgeAuthority(view: AuthorityView, { data, user, outside }: AuthorityPlace): Finding[] {
  return [judgeScope(view, outside), judgeKey(view.keyReader, data, user)];
}

function judgeScope({ within, notAfter, advice }: AuthorityView, outside: string | undefined): Finding {
  if (outside !== undefined) {
    const text = `it can issue for ${within || 'other kinds of names'}, which ${outside} is not, so a start refuses`;
    return problem(
      CHECK,
      text,
      '"sstpd ca renew" as root and with the same --host; each client must import the new one',
    );
  }
  if (advice !== undefined) {
    const [text = '', fix = 'see docs/certificates.md'] = advice.split(/: (?=")/);
    return warning(CHECK, text, fix);
  }
  return fine(CHECK, `it can issue for ${within === '' ? 'every name' : within}, until ${notAfter.slice(0, 10)}`);
}

function judgeKey(reader: AuthorityView['keyReader'], data: string, user: RunUser): Finding {
  const check = `${CHECK}'s key`;
  const file = join(data, 'ca.key');
  switch (reader) {
    case 'root':
      return fine(check, `${file} can be read by root alone`);
    case 'nobody':
      return fine(check, `${file} is kept elsewhere; it has to be there when a certificate is to be issued`);
    case 'server':
      return warning(
        check,
        `${file} can be read by the server, and so by who takes it over`,
        user.uid === 0
          ? 'have it become another user (run.user)'
          : 'start it as root, which gives that up, or have root run "sstpd ca issue" before (docs/certificates.md)',
      );
    default:
      return reader satisfies never;
  }
}
