/**
 * Name constraints, RFC 5280 4.2.1.10: what an authority can issue for, whoever has its key. They are in the root itself,
 * where the RFC leaves it to the client whether to look; the libraries that do are named in docs/certificates.md.
 */
import type { X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { formatIpv4, formatIpv6, ipv4Bytes, parseIpv4, parseIpv6 } from '../core/index.ts';
import { extensionOf } from './extension.ts';
import { type CheckedNames, checkNames } from './names.ts';
import { isSharedDomain } from './shared-domains.ts';

/** Of each kind of name the trees: a DNS name with all below it, '' for every one; a network as `192.0.2.0/24`. */
export interface NameTrees {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
}

/** A kind of name without a permitted tree is bound by the excluded ones alone. */
export interface NameConstraints {
  readonly permitted: NameTrees;
  readonly excluded: NameTrees;
}

/**
 * What an authority for these names is bound to: the parent domain of each DNS name, so that another server there needs
 * no other authority, and each address. A kind that is not among them is excluded as a whole, in the form that the
 * Baseline Requirements of the CA/Browser Forum have for it (7.1.5): to the RFC, what is not spoken of is allowed.
 */
export function constraintsFor(names: CheckedNames): NameConstraints {
  const dns = [...new Set(names.dns.map(permittedDomain))];
  const isIpv6 = (address: string): boolean => address.includes(':');
  const excluded = [...(names.ip.every(isIpv6) ? ['0.0.0.0/0'] : []), ...(names.ip.some(isIpv6) ? [] : ['::/0'])];
  return {
    permitted: { dns, ip: names.ip.map((address) => `${address}/${isIpv6(address) ? 128 : 32}`) },
    excluded: { dns: dns.length === 0 ? [''] : [], ip: excluded },
  };
}

/** A name directly below a domain that strangers share is its own tree: their names are none of ours. */
function permittedDomain(name: string): string {
  if (name.startsWith('*.')) return name.slice(2);
  const parent = name.slice(name.indexOf('.') + 1);
  return parent.includes('.') && !isSharedDomain(parent) ? parent : name;
}

/** @returns the first name that may not be issued for, undefined if all may; RFC 5280 4.2.1.10, 6.1.4 (g) */
export function firstOutside(constraints: NameConstraints, names: CheckedNames): string | undefined {
  const { permitted, excluded } = constraints;
  const dns = names.dns.find((name) => !isWithin(name, permitted.dns, excluded.dns, isBelow));
  return dns ?? names.ip.find((address) => !isWithin(address, permitted.ip, excluded.ip, isIn));
}

/** The same of an authority's certificate. @throws {CertificateError} for a name that no certificate can have */
export function nameOutside(authority: X509Certificate, names: readonly string[]): string | undefined {
  const constraints = nameConstraints(authority);
  return constraints && firstOutside(constraints, checkNames(names));
}

/** In words, as for a list: `example.com and below, 192.0.2.7`. */
export function describeTrees({ dns, ip }: NameTrees): string {
  const names = dns.map((tree) => (tree === '' ? 'every DNS name' : `${tree} and below`));
  return [...names, ...ip.map((network) => network.replace(/\/32$|\/128$/, ''))].join(', ');
}

/** @returns undefined if the certificate has none. Kinds of names that no server certificate is for are left out. */
export function nameConstraints(certificate: X509Certificate): NameConstraints | undefined {
  const extension = extensionOf(certificate, NAME_CONSTRAINTS);
  if (extension === undefined) return undefined;
  const parts = children(extension);
  return { permitted: treesOf(parts.find(isTagged(0))), excluded: treesOf(parts.find(isTagged(1))) };
}

/** As node-forge takes an extension. Critical: a CA must mark it so (RFC 5280 4.2.1.10). */
export function constraintsExtension({ permitted, excluded }: NameConstraints): {
  readonly id: string;
  readonly critical: true;
  readonly value: forge.asn1.Asn1;
} {
  const parts = [permitted, excluded].flatMap((trees, tag) => {
    const subtrees = [
      ...trees.dns.map((name) => subtree(DNS_NAME, name)),
      ...trees.ip.map((network) => subtree(IP_ADDRESS, Buffer.from(networkBytes(network)).toString('latin1'))),
    ];
    return subtrees.length === 0 ? [] : [asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag, true, subtrees)];
  });
  return { id: NAME_CONSTRAINTS, critical: true, value: asn1.create(asn1.Class.UNIVERSAL, SEQUENCE, true, parts) };
}

const { asn1 } = forge;
const NAME_CONSTRAINTS = '2.5.29.30';
const SEQUENCE = asn1.Type.SEQUENCE as unknown as number;
/** Tags of GeneralName, RFC 5280 4.2.1.6. */
const DNS_NAME = 2;
const IP_ADDRESS = 7;

type Match = (name: string, tree: string) => boolean;

function isWithin(name: string, permitted: readonly string[], excluded: readonly string[], matches: Match): boolean {
  if (excluded.some((tree) => matches(name, tree))) return false;
  return permitted.length === 0 || permitted.some((tree) => matches(name, tree));
}

/** A wildcard is below its domain too. */
function isBelow(name: string, tree: string): boolean {
  return tree === '' || name === tree || name.endsWith(`.${tree}`);
}

function isIn(address: string, network: string): boolean {
  const [base, mask] = halves(networkBytes(network));
  const bytes = addressBytes(address);
  return bytes.length === base.length && bytes.every((byte, i) => (byte & (mask[i] ?? 0)) === base[i]);
}

/** GeneralSubtree; minimum and maximum must be absent. */
function subtree(tag: number, value: string): forge.asn1.Asn1 {
  return asn1.create(asn1.Class.UNIVERSAL, SEQUENCE, true, [
    asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag, false, value),
  ]);
}

function treesOf(subtrees: forge.asn1.Asn1 | undefined): NameTrees {
  const dns: string[] = [];
  const ip: string[] = [];
  for (const one of subtrees === undefined ? [] : children(subtrees)) {
    const [base] = children(one);
    if (base === undefined || typeof base.value !== 'string') continue;
    if (isTagged(DNS_NAME)(base)) dns.push(base.value.toLowerCase().replace(/^\./, ''));
    if (isTagged(IP_ADDRESS)(base)) ip.push(...networkText(Buffer.from(base.value, 'latin1')));
  }
  return { dns, ip };
}

function children(node: forge.asn1.Asn1): forge.asn1.Asn1[] {
  return Array.isArray(node.value) ? node.value : [];
}

function isTagged(tag: number): (node: forge.asn1.Asn1) => boolean {
  return ({ tagClass, type }) => tagClass === asn1.Class.CONTEXT_SPECIFIC && Number(type) === tag;
}

/** Address and mask, 8 or 32 bytes. @param network ADDRESS/LENGTH, or ADDRESS/MASK as `networkText` writes an odd mask */
function networkBytes(network: string): Uint8Array {
  const [address = '', length = ''] = network.split('/');
  const bytes = addressBytes(address);
  const ones = Number(length);
  const mask = /^\d+$/.test(length)
    ? bytes.map((_, i) => (0xff00 >> Math.min(Math.max(ones - 8 * i, 0), 8)) & 0xff)
    : addressBytes(length);
  return Uint8Array.from([...bytes, ...mask]);
}

/** One text, none if it is no network. */
function networkText(bytes: Uint8Array): string[] {
  if (bytes.length !== 8 && bytes.length !== 32) return [];
  const [base, mask] = halves(bytes);
  const bits = [...mask].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const text = /^1*0*$/.test(bits) ? bits.replaceAll('0', '').length : addressText(mask);
  return [`${addressText(base.map((byte, i) => byte & (mask[i] ?? 0)))}/${text}`];
}

function halves(bytes: Uint8Array): [Uint8Array, Uint8Array] {
  return [bytes.subarray(0, bytes.length / 2), bytes.subarray(bytes.length / 2)];
}

function addressBytes(address: string): Uint8Array {
  const ipv4 = parseIpv4(address);
  return ipv4 === undefined ? (parseIpv6(address) ?? new Uint8Array()) : ipv4Bytes(ipv4);
}

function addressText(bytes: Uint8Array): string {
  return bytes.length === 4 ? formatIpv4(Buffer.from(bytes).readUInt32BE(0)) : formatIpv6(bytes);
}
