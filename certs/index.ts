/**
 * Certificates: our own authority and what it issues, the operator's files, and the checks that a Windows client would
 * make before it lets a user in.
 *
 * X.509 as profiled by RFC 5280; what an SSTP client demands of it is in MS-SSTP 3.2.4.1 and 3.2.5.2. node-forge builds
 * and signs (RSA only), node:crypto generates keys and reads certificates of either kind. Keys are data and live in the
 * data directory, mode 0600.
 */
export * from './authority.ts';
export { authorityKeyReader, guardAuthorityKey } from './authority-key.ts';
export * from './certificate-error.ts';
export { describeTrees, nameConstraints, nameOutside } from './constraints.ts';
export * from './examine.ts';
export * from './files.ts';
export * from './inspect.ts';
export * from './names.ts';
export { type OwnCertificates, type OwnState, readOwnCertificates, renewalDue } from './own-files.ts';
export { certificateBlocks, parseCertificates } from './pem.ts';
export * from './revocation.ts';
export { readIfThere, writeSecureFile } from './secure-file.ts';
export * from './store.ts';
