/**
 * Text that is not UTF-8. Windows sends names, and by PAP passwords, in its ANSI code page ([MS-CHAP] 3.1.5.2: "opaque
 * bytes"), which is not told: what bytes mean is tried in several, and the proof shows which was right.
 */
import { OEM_CODE_PAGES, type OemCodePage } from './oem-code-pages.ts';

/** By the names that Windows' documentation has for them. */
export type CodePage = WindowsCodePage | OemCodePage;

type WindowsCodePage =
  `cp${1250 | 1251 | 1252 | 1253 | 1254 | 1255 | 1256 | 1257 | 1258 | 874 | 932 | 936 | 949 | 950 | 866}`;

/** Labels of the Encoding Standard. */
const LABELS: Readonly<Record<WindowsCodePage, string>> = {
  ...{ cp1250: 'windows-1250', cp1251: 'windows-1251', cp1252: 'windows-1252', cp1253: 'windows-1253' },
  ...{ cp1254: 'windows-1254', cp1255: 'windows-1255', cp1256: 'windows-1256', cp1257: 'windows-1257' },
  ...{ cp1258: 'windows-1258', cp874: 'windows-874', cp932: 'shift_jis', cp936: 'gbk', cp949: 'euc-kr', cp950: 'big5' },
  cp866: 'ibm866',
};

/** Western Europe first, then by how many read it. */
export const CODE_PAGES: readonly CodePage[] = [
  ...(['cp1252', 'cp1251', 'cp1250', 'cp1254', 'cp1253', 'cp1257', 'cp1255', 'cp1256', 'cp1258', 'cp874'] as const),
  ...(['cp932', 'cp936', 'cp949', 'cp950', 'cp850', 'cp437', 'cp852', 'cp866'] as const),
];

const DOUBLE_BYTE: ReadonlySet<CodePage> = new Set(['cp932', 'cp936', 'cp949', 'cp950']);

/** How bytes may be read. 'latin1' is ISO 8859-1, one character for each byte, which fits always. */
export type Encoding = 'utf-8' | 'latin1' | CodePage;

/** One way to read bytes. */
export interface Reading {
  readonly encoding: Encoding;
  readonly text: string;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const decoders = new Map<WindowsCodePage, InstanceType<typeof TextDecoder>>();

/** @returns undefined if the bytes are no text in that encoding */
export function decodeAs(bytes: Uint8Array, encoding: Encoding): string | undefined {
  if (encoding === 'latin1') return Buffer.from(bytes).toString('latin1');
  if (isOem(encoding)) return decodeOem(bytes, OEM_CODE_PAGES[encoding]);
  try {
    return (encoding === 'utf-8' ? UTF8 : decoderOf(encoding)).decode(bytes);
  } catch {
    return undefined;
  }
}

function isOem(encoding: Encoding): encoding is OemCodePage {
  return Object.hasOwn(OEM_CODE_PAGES, encoding);
}

function decoderOf(page: WindowsCodePage): InstanceType<typeof TextDecoder> {
  const known = decoders.get(page);
  if (known !== undefined) return known;
  const made = new TextDecoder(LABELS[page], { fatal: true });
  decoders.set(page, made);
  return made;
}

function decodeOem(bytes: Uint8Array, upper: string): string {
  return Array.from(bytes, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : (upper[byte - 0x80] ?? ''))).join('');
}

/**
 * All texts that the bytes may be, the likeliest first, none twice; of ASCII there is one. How many, and how long it takes,
 * follows from the bytes alone.
 */
export function readingsOf(bytes: Uint8Array, pages: readonly CodePage[]): Reading[] {
  if (bytes.every((byte) => byte < 0x80)) return [{ encoding: 'utf-8', text: Buffer.from(bytes).toString('latin1') }];
  const readings: Reading[] = [];
  for (const encoding of ['utf-8', 'latin1', ...pages] as const) {
    const text = decodeAs(bytes, encoding);
    if (text !== undefined && !readings.some((other) => other.text === text)) readings.push({ encoding, text });
  }
  return readings;
}

/** Shorter text takes as long to write as text of so many characters: how long a password is does not show. */
const SAME_STEPS = 32;

/**
 * Writes text in each of the encodings that have one byte for a character, and in UTF-8; where a text can't be written in
 * one, its UTF-8 stands in, so that each text takes the same steps. (What a double-byte code page has in common with
 * UTF-8, ASCII, is the same there.)
 */
export class Encoder {
  readonly #tables: readonly ReadonlyMap<string, number>[];

  constructor(pages: readonly CodePage[]) {
    const encodings = (['latin1', ...pages] as const).filter((page) => page === 'latin1' || !DOUBLE_BYTE.has(page));
    this.#tables = encodings.map(
      (encoding) =>
        new Map(
          Array.from({ length: 256 }, (_, byte) => [decodeAs(Uint8Array.of(byte), encoding) ?? '', byte] as const),
        ),
    );
  }

  /** As many as there are encodings, UTF-8 first. */
  encodings(text: string): Buffer[] {
    const utf8 = Buffer.from(text, 'utf8');
    const characters = [...text];
    const { length } = characters;
    while (characters.length < SAME_STEPS) characters.push(' ');
    const written = this.#tables.map((table) => {
      const bytes = characters.map((character) => table.get(character));
      return bytes.includes(undefined) ? utf8 : Buffer.from(bytes as number[]).subarray(0, length);
    });
    return [utf8, ...written];
  }
}
