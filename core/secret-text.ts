/** Drops a byte order mark, which Windows' editors put in front, and nothing else. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });

const UTF16_MARKS: readonly (readonly [number, number])[] = [
  [0xff, 0xfe],
  [0xfe, 0xff],
];

/** The fault is the end of a sentence about the secret, in words. */
export type SecretText = { readonly text: string } | { readonly fault: string };

/**
 * A password or another secret as a file or a pipe holds it: one line of UTF-8, without the line end that editors and
 * `echo` add. Where it is anything else it is refused: a byte read wrongly is a secret that nobody knows.
 */
export function secretText(bytes: Uint8Array): SecretText {
  if (UTF16_MARKS.some((mark) => mark.every((byte, i) => bytes[i] === byte))) {
    return { fault: 'it is not UTF-8 but UTF-16: save it as UTF-8' };
  }
  let text: string;
  try {
    text = UTF8.decode(bytes).replace(/\r?\n$/, '');
  } catch {
    return { fault: 'it is not UTF-8' };
  }
  if (text === '') return { fault: 'it is empty' };
  if (/[\r\n]/.test(text)) return { fault: 'it has more than one line' };
  if (/[^\P{Cc}\t]/u.test(text)) return { fault: 'it holds a control character, such as a zero byte' };
  return { text };
}

/** Of a text that somebody else decoded: U+FFFD stands there for bytes that were no UTF-8. */
export function isMisread(text: string): boolean {
  return text.includes('\ufffd');
}
