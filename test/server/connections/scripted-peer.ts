/** Plays a client that was written down byte by byte. */
import assert from 'node:assert/strict';
import { type Peer, settle, type World } from '../support.ts';

/** No step of a script may take longer: by then the real clients have long given up. */
const MOST_WAIT_MS = 15_000;

/**
 * A script has one SSTP packet per line: `> hex` goes to the server, `< hex` must be what the server sends next.
 * `<name:16>` in a packet of the server stands for 16 bytes, kept under that name; `<name>` in either direction is what
 * was kept, or what `set` gave. `# text` is for the reader, blanks count for nothing. A packet that is not there yet
 * makes time pass, counted in `waitedMs`; one that the script does not have, before a line of the client, is an error.
 */
export class ScriptedPeer {
  readonly socket: Peer['socket'];
  readonly connection: Peer['connection'];
  /** All packets so far, in hex, those of the client behind `>`, those of the server behind `<`. */
  readonly transcript: string[] = [];
  /** Time that passed because the server was waiting for a timer of its own. */
  waitedMs = 0;
  readonly #world: World;
  readonly #values = new Map<string, Buffer>();
  #received: Buffer = Buffer.alloc(0);

  constructor(world: World, peer: Peer = world.connect()) {
    this.#world = world;
    this.socket = peer.socket;
    this.connection = peer.connection;
  }

  set(name: string, value: Buffer): void {
    this.#values.set(name, value);
  }

  value(name: string): Buffer {
    const value = this.#values.get(name);
    assert.ok(value !== undefined, `nothing is known as <${name}>`);
    return value;
  }

  /** What the server sent, packet by packet. */
  get sentByServer(): Buffer[] {
    return this.transcript.filter((line) => line.startsWith('<')).map((line) => Buffer.from(line.slice(2), 'hex'));
  }

  /** Sends text, for the HTTP request. */
  async sendText(text: string): Promise<void> {
    this.socket.deliver(Buffer.from(text, 'latin1'));
    await settle();
  }

  async sendBytes(bytes: Buffer): Promise<void> {
    this.socket.deliver(bytes);
    await settle();
  }

  /** The HTTP answer up to its blank line. */
  async httpAnswer(): Promise<string> {
    this.#collect();
    const end = this.#received.indexOf('\r\n\r\n');
    assert.notEqual(end, -1, `no HTTP answer in "${this.#received.toString('latin1')}"`);
    const head = this.#received.toString('latin1', 0, end + 4);
    this.#received = this.#received.subarray(end + 4);
    return head;
  }

  async play(script: string): Promise<void> {
    for (const line of script.split('\n').map((text) => text.trim())) {
      if (line === '' || line.startsWith('#')) continue;
      const rest = line.slice(1).replace(/\s+/g, '');
      if (line.startsWith('> ')) await this.#send(rest);
      else if (line.startsWith('< ')) await this.#expect(rest);
      else assert.fail(`not a line of a script: ${line}`);
    }
    await this.expectSilence();
  }

  /** The bytes of a script's lines `> hex`, to be sent in one piece or cut elsewhere. */
  bytesOf(script: string): Buffer {
    const lines = script.split('\n').map((text) => text.trim());
    return Buffer.concat(lines.filter((line) => line.startsWith('> ')).map((line) => this.#fill(line.slice(1))));
  }

  /** Nothing more has come from the server. */
  async expectSilence(): Promise<void> {
    await settle();
    this.#collect();
    assert.equal(this.#received.toString('hex'), '', 'the server sent more than the script has');
  }

  async #send(packet: string): Promise<void> {
    await this.expectSilence();
    const bytes = this.#fill(packet);
    this.transcript.push(`> ${bytes.toString('hex')}`);
    this.socket.deliver(bytes);
    await settle();
  }

  async #expect(pattern: string): Promise<void> {
    await settle();
    this.#collect();
    const packet = await this.#nextPacket(pattern);
    this.transcript.push(`< ${packet.toString('hex')}`);
    this.#match(pattern, packet);
  }

  async #nextPacket(wanted: string): Promise<Buffer> {
    for (let waited = 0; this.#received.length < 4; waited++) {
      assert.ok(waited < MOST_WAIT_MS, `the server has nothing to say: ${wanted}`);
      await this.#world.advance(1);
      this.waitedMs += 1;
      this.#collect();
    }
    const length = this.#received.readUInt16BE(2);
    assert.ok(length >= 4 && this.#received.length >= length, `no SSTP packet: ${this.#received.toString('hex')}`);
    const packet = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return packet;
  }

  #match(pattern: string, packet: Buffer): void {
    let offset = 0;
    const shown = pattern.replace(/<(\w+):(\d+)>/g, (_whole, name: string, length: string) => `<${name}${length}>`);
    const expected = pattern.replace(/<(\w+)(?::(\d+))?>|([0-9a-f]{2})/g, (_whole, name?: string, length?: string) => {
      const start = offset;
      offset += name === undefined ? 1 : Number(length ?? this.value(name).length);
      if (name === undefined) return _whole;
      if (length !== undefined) this.#values.set(name, Buffer.from(packet.subarray(start, offset)));
      return this.value(name).toString('hex');
    });
    assert.equal(packet.toString('hex'), expected, shown);
  }

  #fill(text: string): Buffer {
    const digits = text
      .replace(/\s+/g, '')
      .replace(/<(\w+)>/g, (_whole, name: string) => this.value(name).toString('hex'));
    assert.match(digits, /^([0-9a-f]{2})+$/);
    return Buffer.from(digits, 'hex');
  }

  #collect(): void {
    this.#received = Buffer.concat([this.#received, this.socket.takeWritten()]);
  }
}
