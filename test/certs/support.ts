// Needs: openssl
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A folder for this test file, removed at its end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-certs-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs the openssl command; what it prints, or an error with it. */
export function openssl(folder: string, ...args: string[]): string {
  return execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Makes NAME.pem and NAME.key: self-signed, ECDSA P-256 and a good server certificate unless `args` say otherwise. */
export function selfSigned(folder: string, name: string, extensions: string[], newkey: string[] = EC_P256): void {
  const added = extensions.flatMap((extension) => ['-addext', extension]);
  const output = ['-nodes', '-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '365'];
  openssl(folder, 'req', '-x509', '-newkey', ...newkey, '-subj', `/CN=${name}.test`, ...output, ...added);
}

export const EC_P256: string[] = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

export const NOT_CA = 'basicConstraints=critical,CA:FALSE';
export const SERVER_AUTH = 'extendedKeyUsage=serverAuth';
