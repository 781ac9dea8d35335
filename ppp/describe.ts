/** What a PPP control frame says, in words: for whoever has to find out why a link did not come up. */
import { formatIpv4 } from '../core/index.ts';
import { ALL_METHODS, type MethodRow, methodOf } from './auth/methods.ts';
import { type ControlPacket, decodeControlPacket } from './control-packet.ts';
import { decodePppFrame, PppProtocol } from './frame.ts';
import { decodeIpcpOption } from './ipcp-options.ts';
import { decodeLcpOption, LcpOptionCode } from './lcp-options.ts';
import { decodeOptions, encodeOptions, type RawOption } from './options.ts';
import { formatHex, formatTerminateData, formatWords, rasErrorOf } from './peer-words.ts';

export interface FrameSummary {
  /** `LCP`, `IPCP`, `IPv6CP`, `CCP`, `PAP` or `CHAP`. */
  readonly protocol: string;
  /** As in RFC 1661 5: `Configure-Request`. */
  readonly packet: string;
  readonly identifier: number;
  /** Of Configure packets. */
  readonly options: readonly OptionSummary[];
  /** Of a Protocol-Reject: the number of what is refused. */
  readonly rejectedProtocol: number | undefined;
  /** What the sender says beside that, ready to be shown: a reason, a message, what it refuses. */
  readonly words: string | undefined;
  /** Of a Terminate-Request of Windows: its error code, 0 for none. */
  readonly rasError: number | undefined;
  /** Of a Configure-Request of CCP: MPPE with keys, RFC 3078 §2; Windows asks for it without any and means compression. */
  readonly asksForEncryption: boolean;
}

export interface OptionSummary {
  readonly name: string;
  /** Undefined where it tells nothing, as of a Magic-Number. */
  readonly value: string | undefined;
}

const NEGOTIATION: Readonly<Record<number, string>> = {
  [PppProtocol.Lcp]: 'LCP',
  [PppProtocol.Ipcp]: 'IPCP',
  [PppProtocol.Ipv6cp]: 'IPv6CP',
  [PppProtocol.Ccp]: 'CCP',
};

const LCP_NAMES: Readonly<Record<number, string>> = {
  [LcpOptionCode.Mru]: 'MRU',
  [LcpOptionCode.Accm]: 'ACCM',
  [LcpOptionCode.AuthProtocol]: 'Authentication-Protocol',
  [LcpOptionCode.QualityProtocol]: 'Quality-Protocol',
  [LcpOptionCode.MagicNumber]: 'Magic-Number',
  [LcpOptionCode.ProtocolFieldCompression]: 'PFC',
  [LcpOptionCode.AddressControlFieldCompression]: 'ACFC',
  [LcpOptionCode.Callback]: 'Callback',
  [LcpOptionCode.Mrru]: 'MRRU',
  [LcpOptionCode.ShortSequenceNumbers]: 'Short-Sequence-Numbers',
  [LcpOptionCode.EndpointDiscriminator]: 'Endpoint-Discriminator',
};

const IPCP_NAMES = {
  IpAddress: 'IP-Address',
  PrimaryDns: 'Primary-DNS',
  SecondaryDns: 'Secondary-DNS',
  PrimaryNbns: 'Primary-NBNS',
  SecondaryNbns: 'Secondary-NBNS',
} as const;

/** What others ask for, besides our own methods; RFC 2433 §3. */
const OTHER_CHAP: Readonly<Record<number, string>> = { 128: 'MS-CHAP' };

/**
 * @param frame as `decodePppFrame` takes it
 * @param methods that may be spoken besides those of this folder
 * @returns undefined for everything but logins and the negotiation of LCP and of network protocols, echoes left out too.
 *   Of logins it repeats no name, no proof and nothing that one is made of
 */
export function describeFrame(frame: Buffer, methods: readonly MethodRow[] = []): FrameSummary | undefined {
  const decoded = decodePppFrame(frame);
  if (decoded === undefined) return undefined;
  const known = [...ALL_METHODS, ...methods];
  const login = known.find(({ protocol }) => protocol === decoded.protocol)?.describe(decoded.payload);
  if (login !== undefined) return { options: [], ...NOTHING_SAID, ...login };
  const protocol = NEGOTIATION[decoded.protocol];
  if (protocol === undefined) return undefined;
  const packet = decodeControlPacket(decoded.payload);
  if (packet === undefined) return undefined;
  const { identifier } = packet;
  const base = { protocol, identifier, options: [], ...NOTHING_SAID };
  switch (packet.type) {
    case 'EchoRequest':
    case 'EchoReply':
    case 'DiscardRequest':
    case 'Identification':
    case 'TimeRemaining':
      return undefined;
    case 'Unknown':
      return { ...base, packet: `Code ${packet.code}`, words: formatWords(packet.data) };
    case 'ProtocolReject': {
      const words = packet.rejected.length === 0 ? undefined : formatHex(packet.rejected);
      return { ...base, packet: nameOf(packet), rejectedProtocol: packet.protocol, words };
    }
    case 'CodeReject': {
      const words = packet.rejected.length === 0 ? undefined : rejectedCode(packet.rejected);
      return { ...base, packet: nameOf(packet), words };
    }
    case 'TerminateRequest':
    case 'TerminateAck': {
      const { data } = packet;
      return { ...base, packet: nameOf(packet), words: formatTerminateData(data), rasError: rasErrorOf(data) };
    }
    case 'ConfigureRequest':
    case 'ConfigureAck':
    case 'ConfigureNak':
    case 'ConfigureReject':
      return {
        ...{ ...base, packet: nameOf(packet), options: optionsOf(protocol, packet, known) },
        asksForEncryption:
          protocol === 'CCP' && packet.type === 'ConfigureRequest' && mppeKeys(packet.options).length > 0,
      };
    default:
      return packet satisfies never;
  }
}

const NOTHING_SAID = {
  ...{ rejectedProtocol: undefined, words: undefined, rasError: undefined },
  asksForEncryption: false,
} as const;

/** Bits of the last octet of MPPE's Supported Bits, RFC 3078 §2.1. */
const MPPE_KEYS = [
  [0x20, '40 bit'],
  [0x80, '56 bit'],
  [0x40, '128 bit'],
] as const;
const MPPE = 18;

function mppeKeys(options: Buffer): string[] {
  const option = decodeOptions(options)?.find(({ code, data }) => code === MPPE && data.length === 4);
  const bits = option?.data[3] ?? 0;
  return MPPE_KEYS.flatMap(([bit, name]) => ((bits & bit) === 0 ? [] : [name]));
}

/** The name of the code, then the packet as it came back. */
function rejectedCode(rejected: Buffer): string {
  const packet = decodeControlPacket(Buffer.concat([rejected.subarray(0, 2), Buffer.of(0, 8, 0, 0, 0, 0)]));
  const name = packet === undefined || packet.type === 'Unknown' ? `code ${rejected[0]}` : nameOf(packet);
  return `${name} ${formatHex(rejected)}`;
}

/** `MRU 1400, Magic-Number, Authentication-Protocol MS-CHAPv2` */
export function formatOptions(options: readonly OptionSummary[]): string {
  return options.map(({ name, value }) => (value === undefined ? name : `${name} ${value}`)).join(', ');
}

/** How a PPP protocol is called by its number. */
export function protocolName(number: number): string {
  return NEGOTIATION[number] ?? `protocol 0x${number.toString(16).padStart(4, '0')}`;
}

function nameOf({ type }: ControlPacket): string {
  return hyphenated(type);
}

function hyphenated(type: string): string {
  return type.replace(/[a-z](?=[A-Z])/g, '$&-');
}

function optionsOf(protocol: string, packet: ControlPacket, methods: readonly MethodRow[]): OptionSummary[] {
  if (!('options' in packet)) return [];
  const options = decodeOptions(packet.options) ?? [];
  return options.map((option) => {
    if (protocol === 'LCP') return lcpOption(option, methods);
    if (protocol === 'IPCP') return ipcpOption(option);
    if (protocol === 'IPv6CP' && option.code === 1) return { name: 'Interface-Identifier', value: groups(option.data) };
    if (protocol === 'CCP' && option.code === MPPE) {
      return { name: 'MPPE', value: mppeKeys(encodeOptions([option])).join(' or ') || 'without keys' };
    }
    return { name: `Option ${option.code}`, value: undefined };
  });
}

function lcpOption(raw: RawOption, methods: readonly MethodRow[]): OptionSummary {
  const option = decodeLcpOption(raw);
  const name = LCP_NAMES[raw.code] ?? `Option ${raw.code}`;
  switch (option.type) {
    case 'Mru':
      return { name, value: String(option.mru) };
    case 'AuthProtocol':
      return { name, value: authName(methods, option.protocol, option.data) };
    case 'Accm':
    case 'MagicNumber':
    case 'Other':
      return { name, value: undefined };
    default:
      return option satisfies never;
  }
}

function ipcpOption(raw: RawOption): OptionSummary {
  const option = decodeIpcpOption(raw);
  if (option.type === 'Other') return { name: `Option ${raw.code}`, value: undefined };
  return { name: IPCP_NAMES[option.type], value: formatIpv4(option.address) };
}

function authName(methods: readonly MethodRow[], protocol: number, data: Buffer): string {
  const ours = methodOf(methods, protocol, data);
  if (ours !== undefined) return ours.text;
  if (protocol === PppProtocol.Eap) return 'EAP';
  if (protocol === PppProtocol.Chap) return OTHER_CHAP[data[0] ?? 0] ?? `CHAP algorithm ${data[0]}`;
  return protocolName(protocol);
}

function groups(bytes: Buffer): string {
  return (
    bytes
      .toString('hex')
      .match(/.{1,4}/g)
      ?.join(':') ?? ''
  );
}
