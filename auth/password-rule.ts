/**
 * What a password must be like to be set, in every place that sets one. At a login nothing is asked of it: one from
 * before, or one that was taken all the same, goes on to count.
 *
 * After NIST SP 800-63B 5.1.1.2: a least length, no list of kinds of characters, and nothing that guessers try first: common
 * passwords, the same word decorated, repetitions and rows of keys, dates, the user's own name.
 */
import { isMisread } from '../core/index.ts';
import { isCommonHash, isCommonText } from './common-passwords.ts';
import { UserStoreError } from './user-store-error.ts';

/** In Unicode code points. */
const LEAST_PASSWORD_LENGTH = 10;

/** MS-CHAPv2 takes passwords of up to 256 UTF-16 code units (RFC 2759 §8.3). */
export const MOST_PASSWORD_LENGTH = 256;

/** What is left of a guess when a row of keys or a repetition counts as its first two characters. */
const LEAST_UNPREDICTABLE = 6;

/** A common word with no more than this around it is guessed with it: `Summer2026!`. */
const MOST_DECORATION = 5;

/** 'unknown': only the hash of the password is kept, and it is none of the common ones. */
export type PasswordStrength = 'strong' | 'weak' | 'unknown';

export interface NewPasswordOptions {
  /** Takes a password too that guessers try first. */
  readonly weak?: boolean | undefined;
}

/**
 * @param options.name of whom it is to be
 * @throws {UserStoreError} ERR_USER_PASSWORD for what can be no password, ERR_USER_PASSWORD_WEAK for what `weak` takes
 */
export function checkNewPassword(
  password: string,
  options: NewPasswordOptions & { readonly name: string },
): PasswordStrength {
  const rule = brokenRule(password);
  if (rule !== undefined) throw new UserStoreError('ERR_USER_PASSWORD', `a password ${rule}`);
  const weakness = weaknessOf(password, options.name);
  if (weakness === undefined) return 'strong';
  if (options.weak === true) return 'weak';
  throw new UserStoreError('ERR_USER_PASSWORD_WEAK', `the password is too weak: it ${weakness}`);
}

/** Of a password that is there already. */
export function strengthOf(
  secret: { readonly ntHash: Uint8Array; readonly password: string | undefined },
  name: string,
): PasswordStrength {
  if (secret.password === undefined) return isCommonHash(secret.ntHash) ? 'weak' : 'unknown';
  return strengthOfText(secret.password, name);
}

export function strengthOfText(password: string, name: string): 'strong' | 'weak' {
  return weaknessOf(password, name) === undefined ? 'strong' : 'weak';
}

function brokenRule(password: string): string | undefined {
  if (password.length === 0) return 'must not be empty';
  if (password.length > MOST_PASSWORD_LENGTH) {
    return `has at most ${MOST_PASSWORD_LENGTH} characters, this one has ${password.length}`;
  }
  // A lone surrogate has no UTF-8 form: the password that comes back would be another one.
  if (!password.isWellFormed()) return 'must be valid Unicode';
  if (isMisread(password)) return 'must be UTF-8: what came was not, and U+FFFD stands in its place';
  // No client's field takes them; they come from a file that is none of a password.
  if (/\p{Cc}/u.test(password)) return 'must not contain control characters';
  return undefined;
}

/**
 * Why guessers have a password early, as the end of a sentence that begins with "it".
 *
 * @returns undefined if they have not
 */
function weaknessOf(password: string, name: string): string | undefined {
  const { length } = [...password.normalize('NFC')];
  if (length < LEAST_PASSWORD_LENGTH) {
    return `has ${length} character${length === 1 ? '' : 's'}, and ${LEAST_PASSWORD_LENGTH} are the least`;
  }
  const text = fold(password);
  const unit = repeatedUnit(text);
  const once = withoutReturns(unit);
  if ([unit, once].some((part) => unpredictable(part) < LEAST_UNPREDICTABLE)) return 'is a row of keys or a repetition';
  const undated = text.replace(DATES, '');
  if (undated !== text && unpredictable(undated) < LEAST_UNPREDICTABLE) return 'is little more than a date';
  const own = fold(name);
  if (own.length > 2 && text.includes(own) && unpredictable(undated.replaceAll(own, '')) < LEAST_UNPREDICTABLE) {
    return 'is little more than the name of the user';
  }
  // One that was typed may be many here.
  const typed = Math.min([...once].length, (length * unit.length) / text.length);
  if (once !== text && typed < LEAST_PASSWORD_LENGTH) return 'is a repetition of something short';
  return [once, undated].some(isCommon) ? 'is one of those that guessers try first' : undefined;
}

/** For comparison only: letters that differ in nothing but their look, as in wide or mathematical script, are one. */
function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase().normalize('NFKC');
}

const YEAR = '(?:19|20)\\d\\d';
const MONTH = '(?:1[0-2]|0?[1-9]|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\\p{L}{0,6})';
const DAY = '(?:[12]\\d|3[01]|0?[1-9])';
const GAP = '[-./_, 年月]{0,2}';

/** With the year first or last, and with two digits of it where something stands between: `2024-11-30`, `30nov2024`. */
const DATES = new RegExp(
  [
    `${YEAR}${GAP}${MONTH}${GAP}${DAY}`,
    `${DAY}${GAP}${MONTH}${GAP}${YEAR}`,
    `${MONTH}${GAP}${DAY}${GAP}${YEAR}`,
    `${DAY}[-./_ ]${MONTH}[-./_ ]\\d\\d(?!\\d)`,
    `${MONTH}[-./_ ]${DAY}[-./_ ]\\d\\d(?!\\d)`,
  ].join('|'),
  'gu',
);

/** What is shorter returns by chance. */
const LEAST_RETURN = 3;

/** The text with what comes in it again left where it is first, the longest piece before shorter ones: `password1` of `password1password`. */
function withoutReturns(text: string): string {
  let piece = '';
  for (let at = 0; at + piece.length < text.length; at += 1) {
    for (;;) {
      const end = at + piece.length + 1;
      if (end > text.length || !text.includes(text.slice(at, end), end)) break;
      piece = text.slice(at, end);
    }
  }
  if (piece.length < LEAST_RETURN) return text;
  const behind = text.indexOf(piece) + piece.length;
  return withoutReturns(text.slice(0, behind) + text.slice(behind).replaceAll(piece, ''));
}

/** The shortest text that, repeated, is `text`; itself, if there is none. */
function repeatedUnit(text: string): string {
  // Where a text lies in itself again tells its period.
  const period = `${text}${text}`.indexOf(text, 1);
  return text.slice(0, period);
}

/** Keys in rows and letters in order; a step the other way is one too. */
const ROWS: readonly string[] = [
  ...['abcdefghijklmnopqrstuvwxyz', '01234567890', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm', 'qwertzuiopü', 'yxcvbnm'],
  ...[
    'azertyuiop',
    'qsdfghjklm',
    'wxcvbn',
    'йцукенгшщзхъ',
    'фывапролджэ',
    'ячсмитьбю',
    'абвгдежзийклмнопрстуфхцчшщъыьэюя',
  ],
  ...['!@#$%^&*()', '!"§$%&/()='],
];

const STEPS: ReadonlyMap<string, string> = new Map(
  ROWS.flatMap((row, index) =>
    [...row].slice(1).flatMap((key, i): [string, string][] => {
      const before = [...row][i] ?? '';
      return [
        [before + key, `${index} on`],
        [key + before, `${index} back`],
      ];
    }),
  ),
);

/** How many characters of `text` don't follow from the two before them. */
function unpredictable(text: string): number {
  const characters = [...text];
  const stepTo = (i: number): string | undefined => {
    const [before = '', key = ''] = characters.slice(i - 1, i + 1);
    return before === key ? 'same' : STEPS.get(before + key);
  };
  return characters.filter((_, i) => i < 2 || stepTo(i) === undefined || stepTo(i) !== stepTo(i - 1)).length;
}

const LEET: readonly Readonly<Record<string, string>>[] = [
  { 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', '@': 'a', $: 's', '!': 'i', '€': 'e' },
  { 0: 'o', 1: 'l', 3: 'e', 4: 'a', 5: 's', 7: 't', '@': 'a', $: 's', '!': 'i', '€': 'e' },
];

/** What stands in front or behind may be a letter in disguise, so it is cut off on both sides, on one and on none. */
const CUTS: readonly RegExp[] = [
  /^(?<front>[^\p{L}]*)(?<core>.*?)(?<behind>[^\p{L}]*)$/su,
  /^(?<front>)(?<core>.*?)(?<behind>[^\p{L}]*)$/su,
  /^(?<front>[^\p{L}]*)(?<core>.*)(?<behind>)$/su,
  /^(?<front>)(?<core>.*)(?<behind>)$/su,
];

/** A common one, a common word with little around it, or two common words in a row; also with digits in place of letters. */
function isCommon(text: string): boolean {
  if (isCommonText(text)) return true;
  const words = CUTS.flatMap((cut) => {
    const { front = '', core = '', behind = '' } = cut.exec(text)?.groups ?? {};
    if (unpredictable(front) + unpredictable(behind) > MOST_DECORATION) return [];
    return [core, ...LEET.map((letters) => unmasked(core, letters))];
  });
  return [...new Set(words)].some(isWordOrTwo);
}

function unmasked(text: string, letters: Readonly<Record<string, string>>): string {
  return [...text].map((character) => letters[character] ?? character).join('');
}

const LEAST_WORD = 3;

function isWordOrTwo(text: string): boolean {
  const unit = repeatedUnit(text);
  if (unit.length >= LEAST_WORD && isCommonText(unit)) return true;
  // Only of letters: it keeps a long password from being cut in as many ways.
  if (!/^\p{L}{6,24}$/u.test(text)) return false;
  for (let at = LEAST_WORD; at <= text.length - LEAST_WORD; at++) {
    if (isCommonText(text.slice(0, at)) && isCommonText(text.slice(at))) return true;
  }
  return false;
}
