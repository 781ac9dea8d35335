/** What a PPP control frame says, in words: for whoever has to find out why a link did not come up. */
import { formatIpv4 } from '../core/index.ts';
import { type ControlPacket, decodeControlPacket } from './control-packet.ts';
import { decodePppFrame, PppProtocol } from './frame.ts';
import { decodeIpcpOption } from './ipcp-options.ts';
import { decodeLcpOption, LcpOptionCode } from './lcp-options.ts';
import { decodeOptions, type RawOption } from './options.ts';

export interface FrameSummary {
  /** `LCP`, `IPCP`, `IPv6CP`, `CCP`, or the number of another protocol. */
  readonly protocol: string;
  /** As in RFC 1661 5: `Configure-Request`. */
  readonly packet: string;
  readonly identifier: number;
  /** Of Configure packets. */
  readonly options: readonly OptionSummary[];
  /** Of a Protocol-Reject: the number of what is refused. */
  readonly rejectedProtocol: number | undefined;
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

/** The algorithms of CHAP, RFC 1994 3, RFC 2433 3 and RFC 2759 3. */
const CHAP_ALGORITHMS: Readonly<Record<number, string>> = { 5: 'CHAP-MD5', 128: 'MS-CHAP', 129: 'MS-CHAPv2' };

/**
 * @param frame as `decodePppFrame` takes it
 * @returns undefined for everything but the negotiation of LCP and of network protocols, echoes left out too: what
 *   authentication says is not to be repeated
 */
export function describeFrame(frame: Buffer): FrameSummary | undefined {
  const decoded = decodePppFrame(frame);
  if (decoded === undefined) return undefined;
  const protocol = NEGOTIATION[decoded.protocol];
  if (protocol === undefined) return undefined;
  const packet = decodeControlPacket(decoded.payload);
  if (packet === undefined) return undefined;
  const { identifier } = packet;
  switch (packet.type) {
    case 'EchoRequest':
    case 'EchoReply':
    case 'DiscardRequest':
    case 'Identification':
    case 'TimeRemaining':
      return undefined;
    case 'Unknown':
      return { protocol, packet: `Code ${packet.code}`, identifier, options: [], rejectedProtocol: undefined };
    case 'ProtocolReject':
      return { protocol, packet: 'Protocol-Reject', identifier, options: [], rejectedProtocol: packet.protocol };
    case 'ConfigureRequest':
    case 'ConfigureAck':
    case 'ConfigureNak':
    case 'ConfigureReject':
    case 'TerminateRequest':
    case 'TerminateAck':
    case 'CodeReject':
      return {
        protocol,
        packet: nameOf(packet),
        identifier,
        options: optionsOf(protocol, packet),
        rejectedProtocol: undefined,
      };
    default:
      return packet satisfies never;
  }
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
  return type.replace(/[a-z](?=[A-Z])/g, '$&-');
}

function optionsOf(protocol: string, packet: ControlPacket): OptionSummary[] {
  if (!('options' in packet)) return [];
  const options = decodeOptions(packet.options) ?? [];
  return options.map((option) => {
    if (protocol === 'LCP') return lcpOption(option);
    if (protocol === 'IPCP') return ipcpOption(option);
    if (protocol === 'IPv6CP' && option.code === 1) return { name: 'Interface-Identifier', value: groups(option.data) };
    return { name: `Option ${option.code}`, value: undefined };
  });
}

function lcpOption(raw: RawOption): OptionSummary {
  const option = decodeLcpOption(raw);
  const name = LCP_NAMES[raw.code] ?? `Option ${raw.code}`;
  switch (option.type) {
    case 'Mru':
      return { name, value: String(option.mru) };
    case 'AuthProtocol':
      return { name, value: authName(option.protocol, option.data) };
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

function authName(protocol: number, data: Buffer): string {
  if (protocol === PppProtocol.Pap) return 'PAP';
  if (protocol === PppProtocol.Eap) return 'EAP';
  if (protocol === PppProtocol.Chap) return CHAP_ALGORITHMS[data[0] ?? 0] ?? `CHAP algorithm ${data[0]}`;
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
