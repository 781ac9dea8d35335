import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { AuthorityView, CertificateView } from '../../admin/index.ts';
import { parseCertificates, readIfThere } from '../../certs/index.ts';
import { asUser, StartError } from '../../core/index.ts';
import { authorityView } from './authority-view.ts';
import { certificateViews } from './view.ts';

/**
 * The own authority as it lies in a data directory, and what it issued for the server.
 *
 * @returns undefined if there is none
 * @throws {CertificateError} @throws {StartError}
 */
export function lookAtAuthority(
  data: string,
): { readonly authority: AuthorityView; readonly certificate: CertificateView | undefined } | undefined {
  const owner = statSync(data, { throwIfNoEntry: false });
  if (owner === undefined) throw new StartError(`there is no data directory ${data}: --data DIR names another`);
  const now = new Date();
  return asUser(owner, () => {
    const file = join(data, 'ca.pem');
    const pem = readIfThere(file);
    if (pem === undefined) return undefined;
    const [ca] = parseCertificates(pem.bytes, file);
    const authority = authorityView(ca.toString(), data, owner.uid, now);
    const serverFile = join(data, 'server.pem');
    const server = readIfThere(serverFile);
    const [leaf] = server === undefined ? [] : parseCertificates(server.bytes, serverFile);
    if (leaf === undefined) return { authority, certificate: undefined };
    const own = { certificatePem: leaf.toString(), keyPem: '', leaf, source: 'own-ca', notes: [] } as const;
    return { authority, certificate: certificateViews([own], now, data)[0] };
  });
}
