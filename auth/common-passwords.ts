/**
 * Passwords that guessers try first, and words that they decorate: the list of the zxcvbn family of strength meters, the
 * most frequent first, and what is near at hand here. All in lower case.
 */
import { dictionary } from '@zxcvbn-ts/language-common';
import { ntPasswordHash } from './mschapv2.ts';

/** What is rarer is found in passwords of honest people too; a whole password of allowed length counts at any rank. */
const MOST_FREQUENT = 5_000;
const ALLOWED_LENGTH = 10;

const NEAR_AT_HAND: readonly string[] = [
  ...[
    'vpn',
    'sstp',
    'sstpd',
    'openvpn',
    'server',
    'client',
    'tunnel',
    'remote',
    'access',
    'office',
    'company',
    'my',
    'our',
  ],
  ...[
    'user',
    'guest',
    'admin',
    'administrator',
    'root',
    'default',
    'login',
    'secret',
    'changeme',
    'change',
    'new',
    'temp',
  ],
  ...['spring', 'summer', 'autumn', 'fall', 'winter', 'frühling', 'sommer', 'herbst'],
  ...['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november'],
  ...['december', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'],
  ...[
    'passwort',
    'kennwort',
    'motdepasse',
    'contraseña',
    'contrasena',
    'senha',
    'hasło',
    'haslo',
    'wachtwoord',
    'lösenord',
  ],
  ...['пароль', 'привет', 'любовь', 'parola', 'parool', 'heslo', 'şifre', 'sifre'],
];

const TEXTS: ReadonlySet<string> = new Set([
  ...dictionary['passwords-common'].filter((text, rank) => rank < MOST_FREQUENT || text.length >= ALLOWED_LENGTH),
  ...NEAR_AT_HAND,
]);

/** @param text in lower case */
export function isCommonText(text: string): boolean {
  return TEXTS.has(text);
}

/** Made at the first question: a server that keeps passwords asks none. */
class Hashes {
  #keys: ReadonlySet<string> | undefined;

  has(ntHash: Uint8Array): boolean {
    this.#keys ??= new Set([...TEXTS].map((text) => keyOf(ntPasswordHash(text))));
    return this.#keys.has(keyOf(ntHash));
  }
}

const HASHES = new Hashes();

/**
 * The same of a secret of which only the hash is kept.
 *
 * @param ntHash 16 bytes, RFC 2759 §8.3
 */
export function isCommonHash(ntHash: Uint8Array): boolean {
  return HASHES.has(ntHash);
}

/** Half of a hash: none is hit by chance. */
function keyOf(ntHash: Uint8Array): string {
  return Buffer.from(ntHash.subarray(0, 8)).toString('latin1');
}
