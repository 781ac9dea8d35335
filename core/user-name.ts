/**
 * The one form in which names of users are compared, stored and used as keys: two names with the same folded form are
 * the same user. Canonical composition (Unicode NFC), so that it does not matter how an accent was typed, and lower case.
 *
 * Folding a folded name changes nothing.
 */
export function foldUserName(name: string): string {
  return name.normalize('NFC').toLowerCase().normalize('NFC');
}
