/** The certificate that TLS shows: where it comes from, and how it is renewed while the server runs. */
export { readAcmeCertificate } from './acme-store.ts';
export { authorityView } from './authority-view.ts';
export type { IssueResult } from './issue.ts';
export { CertificateKeeper, type Renewal } from './keeper.ts';
export { lookAtAuthority } from './look-at-authority.ts';
export { issueByHand, otherNames } from './operator-issue.ts';
export type { OwnCa } from './own-ca.ts';
export { certificateViews } from './view.ts';
