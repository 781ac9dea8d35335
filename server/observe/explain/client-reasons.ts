/** What mends the reason that a client itself gives for its end: an error of Windows, or the words of pppd. */
import type { MethodRow } from '../../../ppp/index.ts';
import type { AttemptFacts, Explanation } from './facts.ts';
import { clientError, clientWords } from './farewell.ts';
import { ENCRYPTION_ERRORS } from './ras-errors.ts';

/** As the commands of Windows call them. */
const METHOD_SWITCHES: Readonly<Record<string, string>> = { mschapv2: 'MSChapv2', chap: 'Chap', pap: 'Pap' };

export const OUR_LOGIN: Explanation = {
  text: 'The client demanded that this server log in to it, which an SSTP server does not.',
  code: '734',
  fix: 'Put noauth among the options of pppd in the client (its peers file or /etc/ppp/options).',
};

const NO_MPPE = 'The client demanded a second encryption inside TLS (MPPE by CCP), which SSTP does not have.';
export const ENCRYPTION: Explanation = {
  text: NO_MPPE,
  code: '741',
  fix: 'Set the data encryption of the connection to optional: Set-VpnConnection -EncryptionLevel Optional.',
};
const PPPD_ENCRYPTION: Explanation = {
  ...ENCRYPTION,
  fix: 'Take require-mppe, require-mppe-40 and require-mppe-128 off the options of pppd in the client, or put nomppe there.',
};

/** The data of pppd's Terminate-Request, in the quotes that words are shown in. */
const CLOSING_WORDS: readonly (readonly [words: RegExp, explanation: Explanation])[] = [
  [/^"peer refused to authenticate/i, OUR_LOGIN],
  [/^"MPPE required/i, PPPD_ENCRYPTION],
];

/** @returns undefined if the client gives no reason, or one that needs no more words than its own */
export function explainWords(facts: AttemptFacts): Explanation | undefined {
  const words = clientWords(facts);
  return CLOSING_WORDS.find(([pattern]) => pattern.test(words ?? ''))?.[1];
}

/** The client says that it has not the encryption which it demands. */
export function saidEncryption(facts: AttemptFacts): Explanation | undefined {
  const error = clientError(facts);
  if (error !== undefined && ENCRYPTION_ERRORS.includes(error)) return ENCRYPTION;
  const said = explainWords(facts);
  return said?.code === ENCRYPTION.code ? said : undefined;
}

/** What mends an error that a client of Windows ended LCP or the login with. */
export function fixOfError(error: number, method: MethodRow): string {
  switch (error) {
    case 691:
      return `Enter name and password in the client, and see that it allows ${method.text}: ${allowing(method)}.`;
    case 645:
    case 734:
    case 812:
      return `Allow ${method.text} in the client (${allowing(method)}), or change auth.methods.`;
    case 739:
      return 'Delete the saved credentials of the connection in the client and enter name and password, or allow MS-CHAPv2 in it.';
    case 766:
    case 781:
    case 798:
      return `Have the client log in with name and password: ${allowing(method)}.`;
    case 631:
      return 'Dial again.';
    default:
      return `Look for error ${error} in the event log of the client (source RasClient).`;
  }
}

/** The command that lets a client of Windows log in so. */
export function allowing(method: MethodRow): string {
  return `Set-VpnConnection -AuthenticationMethod ${METHOD_SWITCHES[method.name] ?? method.text}`;
}
