/** What must not stand in a sentence for operators: it hides, moves the cursor or turns the writing round. */
const UNREADABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

export function isReadable(text: string): boolean {
  return !UNREADABLE.test(text);
}

/** A text that a peer chose, in double quotes; what is not readable, and a double quote, as the code point: `\u{1b}`. */
export function quoted(text: string): string {
  return `"${text.replace(/[\p{C}\p{Zl}\p{Zp}"]/gu, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`)}"`;
}

/** A word that a shell takes as it is (POSIX 2.2.2: between single quotes everything stands for itself but the quote). */
export function shellWord(word: string): string {
  return /^[\w.@%+=:,/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
