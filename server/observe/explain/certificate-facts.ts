import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { allNames, hasServerAuth } from '../../../certs/index.ts';
import type { ShownCertificate } from '../../certificates/material.ts';
import type { CertificateFacts } from './facts.ts';

export function certificateFacts(certificate: Omit<ShownCertificate, 'keyPem' | 'names' | 'ocsp'>): CertificateFacts {
  const { certificatePem, isOwn } = certificate;
  const leaf = new X509Certificate(certificatePem);
  return {
    names: allNames(leaf),
    isOwn,
    hasServerAuth: hasServerAuth(leaf),
    notAfter: leaf.validToDate,
    covers: (name) => covers(leaf, name.replace(/^\[(.*)\]$/, '$1')),
  };
}

/** A name comes from the network. What no certificate can have in it, Node throws for. */
function covers(leaf: X509Certificate, name: string): boolean {
  try {
    return isIP(name) === 0 ? leaf.checkHost(name) !== undefined : leaf.checkIP(name) !== undefined;
  } catch {
    return false;
  }
}
