/** Our own authority: what who has its key could do, and who has it. */
import { join } from 'node:path';
import type { AuthorityView } from '../../admin/index.ts';
import { CertificateError, readIfThere } from '../../certs/index.ts';
import { asUser, type Finding, fine, problem, warning } from '../../core/index.ts';
import { authorityView } from '../certificates/authority-view.ts';
import type { Config } from '../config.ts';
import type { RunUser } from '../privileges.ts';

const CHECK = 'own authority';

/** None where the operator's files are served. */
export function examineAuthority(config: Config, user: RunUser, now: Date): Finding[] {
  const { data, tls } = config;
  if (tls.cert.length > 0) return [];
  try {
    const pem = asUser(user, () => readIfThere(join(data, 'ca.pem')));
    return pem === undefined ? [] : judgeAuthority(authorityView(pem.bytes.toString(), data, user.uid, now), data);
  } catch (error) {
    if (error instanceof CertificateError) return [problem(CHECK, error.message, 'restart the server')];
    // What is no certificate has been said of the files that are served.
    return [];
  }
}

export function judgeAuthority({ within, notAfter, keyReader, advice }: AuthorityView, data: string): Finding[] {
  const [text = '', fix] = advice?.split(/: (?=")/) ?? [];
  const bound = within === '' ? 'every name' : within;
  const about =
    advice === undefined
      ? fine(CHECK, `it can issue for ${bound}, until ${notAfter.slice(0, 10)}`)
      : warning(CHECK, text, fix ?? 'see docs/certificates.md');
  return [about, judgeKey(keyReader, data)];
}

function judgeKey(reader: AuthorityView['keyReader'], data: string): Finding {
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
        'start it as root, which gives that up, or have root run "sstpd ca issue" before (docs/certificates.md)',
      );
    default:
      return reader satisfies never;
  }
}
