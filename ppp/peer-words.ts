/**
 * What a peer gives as its reason: the data of Terminate-Requests and messages of logins, RFC 1661 §5.5, which are for
 * people. Every byte is the peer's, so what would hide, or turn a line round, is shown by its number.
 */

const MOST_CHARACTERS = 512;
const MOST_HEX_BYTES = 64;
/** Of what is to be read as text: below that, bytes say more. */
const LEAST_READABLE = 0.75;
/** Control and format characters, among them those of a terminal and of bidirectional text; what has no assigned look. */
const UNREADABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/** Behind the Magic-Number in each Terminate-Request of Windows; its error code follows. Seen of LCP, IPCP and CCP. */
const WINDOWS_MARK = 0x003ccd74;
const WINDOWS_LENGTH = 12;

/** @returns the number of raserror.h that Windows ends a protocol with, 0 for none; undefined if it was not Windows */
export function rasErrorOf(terminateData: Buffer): number | undefined {
  if (terminateData.length !== WINDOWS_LENGTH || terminateData.readUInt32BE(4) !== WINDOWS_MARK) return undefined;
  return terminateData.readUInt32BE(8);
}

/** `"peer refused to authenticate"`, `RAS error 738`, `0x0102`; undefined if there is nothing. */
export function formatTerminateData(data: Buffer): string | undefined {
  const error = rasErrorOf(data);
  return error === undefined ? formatWords(data) : `RAS error ${error}`;
}

/** In quotes where it is text, else as a hexadecimal number; at most some 512 characters. */
export function formatWords(data: Buffer): string | undefined {
  const bytes = data.subarray(0, endOfText(data));
  if (bytes.length === 0) return data.length === 0 ? undefined : formatHex(data);
  const text = bytes.toString('utf8');
  const isUtf8 = Buffer.from(text, 'utf8').equals(bytes);
  const characters = [...(isUtf8 ? text : bytes.toString('latin1'))];
  const isReadable = (one: string): boolean => (isUtf8 ? !UNREADABLE.test(one) : /^[\x20-\x7e]$/.test(one));
  if (characters.filter(isReadable).length < LEAST_READABLE * characters.length) return formatHex(data);
  const shown = characters.slice(0, MOST_CHARACTERS).map((one) => (isReadable(one) ? quoted(one) : escaped(one)));
  return `"${shown.join('')}${characters.length > MOST_CHARACTERS ? '…' : ''}"`;
}

export function formatHex(data: Buffer): string {
  return `0x${data.toString('hex', 0, MOST_HEX_BYTES)}${data.length > MOST_HEX_BYTES ? '…' : ''}`;
}

/** Without the NUL or the line end that some put behind their text. */
function endOfText(data: Buffer): number {
  let end = data.length;
  while (end > 0 && [0, 0x0a, 0x0d].includes(data[end - 1] ?? -1)) end -= 1;
  return end;
}

function quoted(character: string): string {
  return character === '"' || character === '\\' ? `\\${character}` : character;
}

function escaped(character: string): string {
  const number = character.codePointAt(0) ?? 0;
  return number < 0x100 ? `\\x${number.toString(16).padStart(2, '0')}` : `\\u{${number.toString(16)}}`;
}
