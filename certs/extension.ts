/** Extensions of a certificate that node:crypto does not tell. */
import type { X509Certificate } from 'node:crypto';
import forge from 'node-forge';

/** The content of the extension's OCTET STRING as DER, if the certificate has it. @param oid as `2.5.29.30` */
export function extensionOf(certificate: X509Certificate, oid: string): forge.asn1.Asn1 | undefined {
  const der = findExtension(forge.asn1.fromDer(binary(certificate.raw)), oid);
  return der === undefined ? undefined : forge.asn1.fromDer(der);
}

function findExtension(node: forge.asn1.Asn1, wanted: string): string | undefined {
  if (!Array.isArray(node.value)) return undefined;
  const [id, ...rest] = node.value as forge.asn1.Asn1[];
  const isOid = id?.type === forge.asn1.Type.OID && typeof id.value === 'string';
  if (isOid && forge.asn1.derToOid(id.value as string) === wanted) {
    const value = rest.at(-1)?.value;
    return typeof value === 'string' ? value : undefined;
  }
  for (const child of node.value as forge.asn1.Asn1[]) {
    const found = findExtension(child, wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

function binary(bytes: Buffer): forge.util.ByteStringBuffer {
  return forge.util.createBuffer(bytes.toString('latin1'), 'raw');
}
