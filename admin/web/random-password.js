/** No characters that are mistaken for one another. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
/** Bytes from here on would make some characters likelier than others. */
const FAIR = 256 - (256 % ALPHABET.length);

/** As the server makes them: four groups of four, 79 bits. */
export function randomPassword() {
  return Array.from({ length: 4 }, () => Array.from({ length: 4 }, randomCharacter).join('')).join('-');
}

function randomCharacter() {
  for (;;) {
    const [byte = FAIR] = crypto.getRandomValues(new Uint8Array(1));
    if (byte < FAIR) return ALPHABET.charAt(byte % ALPHABET.length);
  }
}
