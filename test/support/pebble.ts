/** Let's Encrypt's test authority, Debian's pebble, in a network namespace, with a DNS of its own. */
// Needs: pebble, curl

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { selfSigned } from '../certs/support.ts';
import type { Netns } from './netns.ts';
import { SstpdProcess } from './sstpd-process.ts';

export interface PebbleOptions {
  /** For its files. */
  readonly folder: string;
  readonly netns: Netns;
  /** What all names resolve to. */
  readonly address: string;
  /** Life of the certificates that it issues. */
  readonly validSeconds: number;
  /** Refuse some good nonces, as an authority may (RFC 8555 6.5). */
  readonly rejectsNonces?: boolean;
}

export class Pebble {
  readonly directory = 'https://localhost:14000/dir';
  /** For NODE_EXTRA_CA_CERTS of who talks to it. */
  readonly apiRoot: string;
  readonly process: SstpdProcess;
  readonly #netns: Netns;
  readonly #folder: string;

  private constructor(options: PebbleOptions, process: SstpdProcess, apiRoot: string) {
    this.#netns = options.netns;
    this.#folder = options.folder;
    this.process = process;
    this.apiRoot = apiRoot;
  }

  static async start(options: PebbleOptions): Promise<Pebble> {
    const { folder, netns, address, validSeconds, rejectsNonces = false } = options;
    selfSigned(folder, 'pebble', ['subjectAltName=DNS:localhost']);
    const apiRoot = join(folder, 'pebble.pem');
    const config = {
      pebble: {
        listenAddress: '127.0.0.1:14000',
        managementListenAddress: '127.0.0.1:15000',
        certificate: apiRoot,
        privateKey: join(folder, 'pebble.key'),
        httpPort: 80,
        tlsPort: 443,
        ocspResponderURL: '',
        certificateValidityPeriod: validSeconds,
      },
    };
    const configFile = join(folder, 'pebble.json');
    writeFileSync(configFile, JSON.stringify(config));
    const dns = ['-dns01', '127.0.0.1:8053', '-defaultIPv4', address, '-defaultIPv6', ''];
    const unused = ['-http01', '', '-https01', '', '-tlsalpn01', ''];
    const server = new SstpdProcess(netns, ['pebble-challtestsrv', '-management', '127.0.0.1:8055', ...dns, ...unused]);
    await server.printed(/Starting management server/);
    const process = new SstpdProcess(netns, ['pebble', '-config', configFile, '-dnsserver', '127.0.0.1:8053'], {
      PEBBLE_VA_NOSLEEP: '1',
      PEBBLE_WFE_NONCEREJECT: rejectsNonces ? '15' : '0',
    });
    await process.printed(/ACME directory available at/);
    return new Pebble(options, process, apiRoot);
  }

  /** The root of what it issues, as a file. */
  async root(): Promise<string> {
    const file = join(this.#folder, 'pebble-root.pem');
    await this.#netns.run('curl', ['-sf', '--cacert', this.apiRoot, '-o', file, 'https://localhost:15000/roots/0']);
    return file;
  }
}
