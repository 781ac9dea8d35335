import {
  type CertificateHashes,
  decodeMessage,
  type SstpCallEvent,
  type SstpClientAction,
  type SstpMessage,
  SstpMessageError,
  type SstpServerAction,
  type SstpServerOptions,
} from '../../sstp/index.ts';

/** Hex with any white space in between. */
export function hex(text: string): Buffer {
  const digits = text.replace(/\s+/g, '');
  const bytes = Buffer.from(digits, 'hex');
  if (bytes.length * 2 !== digits.length) throw new Error('not hex');
  return bytes;
}

/** As `hex`, but as decoders return bytes. */
export function octets(text: string): Uint8Array {
  return Uint8Array.from(hex(text));
}

export interface BindingExample {
  readonly callConnectAck: Buffer;
  readonly callConnected: Buffer;
  readonly nonce: Uint8Array;
  readonly certificateHash: Uint8Array;
  readonly hlak: Uint8Array;
  readonly compoundMac: Uint8Array;
}

/** MS-SSTP 4.7, the first example: SHA-256. */
export const EXAMPLE_SHA256: BindingExample = {
  callConnectAck: hex(`
    10 01 00 30 00 02 00 01 00 04 00 28 00 00 00 02
    41 2B 48 9A EB D7 EC C7 D0 89 66 F2 6B E7 CD 72
    B2 31 A0 E9 21 0D 7C 91 B3 08 86 2B 03 44 C4 35`),
  callConnected: hex(`
    10 01 00 70 00 04 00 01 00 03 00 68 00 00 00 02
    41 2B 48 9A EB D7 EC C7 D0 89 66 F2 6B E7 CD 72
    B2 31 A0 E9 21 0D 7C 91 B3 08 86 2B 03 44 C4 35
    79 93 EF 31 4C 49 3D AC E9 F0 2D 60 E7 E6 1C 84
    B6 69 0A AF E9 D7 AE EA 92 CB BE 8A D5 99 42 2D
    52 A6 8E FD 8C FF BF 52 77 0B 8F 0F E8 EC 73 71
    65 83 AF 6D 61 1E B6 D1 79 B3 B2 08 40 98 54 49`),
  nonce: octets('412B489AEBD7ECC7D08966F26BE7CD72 B231A0E9210D7C91B308862B0344C435'),
  certificateHash: octets('7993EF314C493DACE9F02D60E7E61C84 B6690AAFE9D7AEEA92CBBE8AD599422D'),
  hlak: octets('2A1BB40D55AB0F5EF32F06F2B3CC73C4 8FD3FAC41D7A1315A19228D9024CA164'),
  compoundMac: octets('52A68EFD8CFFBF52770B8F0FE8EC7371 6583AF6D611EB6D179B3B20840985449'),
};

/** MS-SSTP 4.7, the second example: SHA-1. */
export const EXAMPLE_SHA1: BindingExample = {
  callConnectAck: hex(`
    10 01 00 30 00 02 00 01 00 04 00 28 00 00 00 01
    0F 1A 2D 58 D4 A3 E3 00 0F AD 3C E4 90 6E 07 B7
    07 AA 9E 44 1C CE AC 5C BD 7B 2C C1 C9 D8 6C DF`),
  callConnected: hex(`
    10 01 00 70 00 04 00 01 00 03 00 68 00 00 00 01
    0F 1A 2D 58 D4 A3 E3 00 0F AD 3C E4 90 6E 07 B7
    07 AA 9E 44 1C CE AC 5C BD 7B 2C C1 C9 D8 6C DF
    58 26 B6 29 BD A5 9B 8E 6F D8 DC D2 62 2F D3 4C
    53 48 05 A5 00 00 00 00 00 00 00 00 00 00 00 00
    69 91 5D D5 83 D8 06 2F EF 16 F6 1D B2 F0 32 90
    EC 27 CB 6C 00 00 00 00 00 00 00 00 00 00 00 00`),
  nonce: octets('0F1A2D58D4A3E3000FAD3CE4906E07B7 07AA9E441CCEAC5CBD7B2CC1C9D86CDF'),
  certificateHash: octets('5826B629BDA59B8E6FD8DCD2622FD34C534805A5'),
  hlak: octets('4B3128F43925D9006EEFB1C4E86515A1 D88E56BAB3CA2BDF0373B7F5A8A13B19'),
  compoundMac: octets('69915DD583D8062FEF16F61DB2F03290EC27CB6C'),
};

/** The server of both examples: its certificate has the one example's SHA-1 and the other's SHA-256 hash. */
export const EXAMPLE_CERTIFICATE: CertificateHashes = {
  sha1: EXAMPLE_SHA1.certificateHash,
  sha256: EXAMPLE_SHA256.certificateHash,
};

export interface WireCase {
  readonly name: string;
  readonly wire: Buffer;
  readonly message: SstpMessage;
}

/** Every message type, written out by hand or from MS-SSTP 4.7. */
export const MESSAGES: readonly WireCase[] = [
  {
    name: 'Call Connect Request (MS-SSTP 4.7)',
    wire: hex('10 01 00 0E 00 01 00 01 00 01 00 06 00 01'),
    message: { type: 'CallConnectRequest', protocolId: 1 },
  },
  {
    name: 'Call Connect Ack, SHA-256 (MS-SSTP 4.7)',
    wire: EXAMPLE_SHA256.callConnectAck,
    message: { type: 'CallConnectAck', hashProtocols: 2, nonce: EXAMPLE_SHA256.nonce },
  },
  {
    name: 'Call Connect Ack, SHA-1 (MS-SSTP 4.7)',
    wire: EXAMPLE_SHA1.callConnectAck,
    message: { type: 'CallConnectAck', hashProtocols: 1, nonce: EXAMPLE_SHA1.nonce },
  },
  {
    name: 'Call Connect Nak, protocol 2 not supported (MS-SSTP 2.2.8, the example below the table of AttribID)',
    wire: hex('10010016 0003 0001 0002000e 00000001 00000004 0002'),
    message: {
      type: 'CallConnectNak',
      statusInfos: [{ attributeId: 1, status: 4, value: octets('0002') }],
    },
  },
  {
    name: 'Call Connect Nak with two Status Infos (MS-SSTP 2.2.12)',
    wire: hex('10010020 0003 0002 0002000c 0000007f 00000002 0002000c 00000001 0000000a'),
    message: {
      type: 'CallConnectNak',
      statusInfos: [
        { attributeId: 0x7f, status: 2, value: octets('') },
        { attributeId: 1, status: 10, value: octets('') },
      ],
    },
  },
  {
    name: 'Call Connected, SHA-256 (MS-SSTP 4.7)',
    wire: EXAMPLE_SHA256.callConnected,
    message: {
      type: 'CallConnected',
      hashProtocol: 2,
      nonce: EXAMPLE_SHA256.nonce,
      certificateHash: EXAMPLE_SHA256.certificateHash,
      compoundMac: EXAMPLE_SHA256.compoundMac,
    },
  },
  {
    name: 'Call Connected, SHA-1 (MS-SSTP 4.7)',
    wire: EXAMPLE_SHA1.callConnected,
    message: {
      type: 'CallConnected',
      hashProtocol: 1,
      nonce: EXAMPLE_SHA1.nonce,
      certificateHash: EXAMPLE_SHA1.certificateHash,
      compoundMac: EXAMPLE_SHA1.compoundMac,
    },
  },
  {
    name: 'Call Abort (MS-SSTP 2.2.13)',
    wire: hex('10010014 0005 0001 0002000c 00000003 00000004'),
    message: { type: 'CallAbort', statusInfo: { attributeId: 3, status: 4, value: octets('') } },
  },
  {
    name: 'Call Abort without a Status Info (MS-SSTP 2.2.13)',
    wire: hex('10010008 0005 0000'),
    message: { type: 'CallAbort', statusInfo: undefined },
  },
  {
    name: 'Call Disconnect (MS-SSTP 2.2.14)',
    wire: hex('10010014 0006 0001 0002000c 00000000 00000000'),
    message: { type: 'CallDisconnect', statusInfo: { attributeId: 0, status: 0, value: octets('') } },
  },
  {
    name: 'Call Disconnect without a Status Info (MS-SSTP 2.2.14)',
    wire: hex('10010008 0006 0000'),
    message: { type: 'CallDisconnect', statusInfo: undefined },
  },
  {
    name: 'Call Disconnect Ack (MS-SSTP 2.2.15)',
    wire: hex('10010008 0007 0000'),
    message: { type: 'CallDisconnectAck' },
  },
  {
    name: 'Echo Request (MS-SSTP 2.2.15)',
    wire: hex('10010008 0008 0000'),
    message: { type: 'EchoRequest' },
  },
  {
    name: 'Echo Response (MS-SSTP 2.2.15)',
    wire: hex('10010008 0009 0000'),
    message: { type: 'EchoResponse' },
  },
];

export const OPTIONS: SstpServerOptions = {
  nonce: EXAMPLE_SHA256.nonce,
  hashProtocols: 3,
  certificateHashes: EXAMPLE_CERTIFICATE,
  negotiationMs: 60_000,
  helloMs: 60_000,
};

/**
 * One line for the actions of a machine: `+Message` sent, with `(AttribID:Status)` of its Status Info; `<Message` for
 * peer-status; `close:reason`; else the kind. No actions: `-`.
 */
export function shown(actions: readonly (SstpServerAction | SstpClientAction)[]): string {
  return actions.map(showAction).join(' ') || '-';
}

function showAction(action: SstpServerAction | SstpClientAction): string {
  switch (action.kind) {
    case 'send':
      return `+${action.message.type}${showStatus(action.message)}`;
    case 'peer-status':
      return `<${action.message}`;
    case 'close':
      return `close:${action.reason}`;
    case 'binding-failed':
      return `binding-failed[${action.verdict.wrong.join()}]`;
    case 'ppp-up':
    case 'ppp-down':
    case 'data-open':
    case 'refused':
      return action.kind;
    default:
      return action satisfies never;
  }
}

function showStatus(message: SstpMessage): string {
  if (message.type === 'CallConnectNak') {
    return message.statusInfos.map((info) => `(${info.attributeId}:${info.status})`).join('');
  }
  if (message.type !== 'CallAbort' && message.type !== 'CallDisconnect') return '';
  const info = message.statusInfo;
  return info === undefined ? '' : `(${info.attributeId}:${info.status})`;
}

/** The event that the wire bytes become in a shell. */
export function received(wire: Buffer): SstpCallEvent {
  try {
    return { kind: 'message', message: decodeMessage(wire), bytes: wire };
  } catch (error) {
    if (!(error instanceof SstpMessageError)) throw error;
    return { kind: 'bad-message', error };
  }
}
