/** What the frames of LCP, the logins and the network protocols tell of an attempt. */
import { type FrameSummary, formatOptions, protocolName } from '../../../ppp/index.ts';
import type { AddressWish, AttemptFacts } from './facts.ts';
import { formatRasError } from './ras-errors.ts';

const MOST_OPTION_LENGTH = 200;
/** Two characters of an escape may stand for one of the client's. */
const MOST_WORDS_LENGTH = 1200;

/** A frame's row in the record: `MRU 1400, Magic-Number`, `"peer refused to authenticate"`, `CCP 0x01050004`. */
export function textOf({ options, rejectedProtocol, words, rasError }: FrameSummary): string {
  const rejected = rejectedProtocol === undefined ? '' : protocolName(rejectedProtocol);
  const said = rasError === undefined ? (words ?? '') : `RAS error ${formatRasError(rasError)}`;
  const text = [rejected, said.slice(0, MOST_WORDS_LENGTH)].filter(Boolean).join(' ');
  return text === '' ? formatOptions(options).slice(0, MOST_OPTION_LENGTH) : text;
}

export function noteClientFrame(facts: AttemptFacts, summary: FrameSummary): void {
  const { protocol, packet, options, rejectedProtocol, words, rasError, asksForEncryption } = summary;
  const optionOf = (option: string): string | undefined => options.find(({ name }) => name === option)?.value;
  const method = optionOf('Authentication-Protocol');
  if (rejectedProtocol !== undefined) {
    facts.clientRejected = withOnce(facts.clientRejected, protocolName(rejectedProtocol));
  } else if (packet === 'Configure-Request') {
    if (protocol === 'IPCP') facts.addressWish = wishOf(optionOf('IP-Address'));
    if (method !== undefined) facts.wantsOurLogin = true;
    if (asksForEncryption) facts.asksForEncryption = true;
  } else if (packet === 'Configure-Nak') {
    if (method !== undefined) facts.authWish = method;
  } else if (packet === 'Terminate-Request') {
    facts.farewells = { ...facts.farewells, [protocol]: { words, rasError } };
  }
}

export function noteServerFrame(facts: AttemptFacts, { rejectedProtocol }: FrameSummary): void {
  if (rejectedProtocol !== undefined) facts.weRejected = withOnce(facts.weRejected, protocolName(rejectedProtocol));
}

/** A client may have any number of protocols rejected. */
const MOST_REJECTED = 16;

function withOnce(list: readonly string[], name: string): readonly string[] {
  return list.includes(name) || list.length >= MOST_REJECTED ? list : [...list, name];
}

function wishOf(address: string | undefined): AddressWish {
  if (address === undefined) return { kind: 'none' };
  return address === '0.0.0.0' ? { kind: 'any' } : { kind: 'address', address };
}
