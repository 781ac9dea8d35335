/** Counts the TLS records on a TCP connection from outside, as whoever reads the wire sees them. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** RFC 8446 §5.1: what carries data; since TLS 1.3 the encrypted part of the handshake too. */
const APPLICATION_DATA = 23;
const RECORD_HEADER = 5;

/** Splits one direction of a connection into records. */
class RecordReader {
  /** Lengths of the records' contents, encrypted, in order; application data only. */
  readonly lengths: number[] = [];
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= RECORD_HEADER) {
      const end = RECORD_HEADER + this.#rest.readUInt16BE(3);
      if (this.#rest.length < end) return;
      if (this.#rest[0] === APPLICATION_DATA) this.lengths.push(end - RECORD_HEADER);
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** Stands between one TLS client and its server on this host. */
export class TlsRecordTap {
  readonly port: number;
  readonly #fromServer = new RecordReader();
  readonly #fromClient = new RecordReader();
  readonly #close: () => void;

  private constructor(port: number, close: () => void) {
    this.port = port;
    this.#close = close;
  }

  /** @param serverPort of 127.0.0.1 */
  static async open(serverPort: number): Promise<TlsRecordTap> {
    const sockets: Socket[] = [];
    const server = createServer((client) => {
      const upstream = connect({ host: '127.0.0.1', port: serverPort, noDelay: true });
      sockets.push(client, upstream);
      client.setNoDelay(true);
      client.on('data', (chunk) => tap.#fromClient.push(chunk));
      upstream.on('data', (chunk) => tap.#fromServer.push(chunk));
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        one.pipe(other);
        one.on('error', () => other.destroy());
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const tap = new TlsRecordTap((server.address() as AddressInfo).port, () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return tap;
  }

  /**
   * What records held until now, in bytes of content.
   *
   * @param overhead what the cipher adds to each: 17 in TLS 1.3 with AES-GCM (RFC 8446 §5.2), 24 in TLS 1.2 (RFC 5288 §3)
   */
  contents(from: 'server' | 'client', overhead: number): number[] {
    const reader = from === 'server' ? this.#fromServer : this.#fromClient;
    return reader.lengths.map((length) => length - overhead);
  }

  close(): void {
    this.#close();
  }
}
