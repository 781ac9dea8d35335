/**
 * Errors that Windows ends a protocol with, by their numbers in raserror.h of its SDK: as what a client says of itself.
 * A number that is not here is told as it is.
 */
const MEANINGS: Readonly<Record<number, string>> = {
  600: 'an operation is still under way',
  619: 'its port was disconnected',
  628: 'the connection was ended by the other side',
  629: 'the connection was ended by the other side',
  630: 'its device failed',
  631: 'its user hung up',
  633: 'its device is in use or not set up',
  638: 'the request took too long',
  645: 'an error inside its authentication',
  646: 'the account may not log in at this time of day',
  647: 'the account is disabled',
  648: 'the password has expired',
  649: 'the account may not dial in',
  691: 'name or password was refused, or the way to log in',
  692: 'a fault of its device',
  709: 'the password could not be changed',
  711: 'its services for remote access do not run',
  717: 'no address was to be had',
  718: 'it waited for an answer of PPP in vain',
  719: 'PPP was ended by the other side',
  720: 'no network protocol could be agreed on',
  721: 'PPP got no answer',
  722: 'a PPP packet was malformed',
  728: 'its IP was not found',
  731: 'the protocol is not set up',
  732: 'the options of the protocol could not be agreed on',
  733: 'a protocol was refused by this server',
  734: 'LCP was ended',
  735: 'the address that it asked for was refused',
  736: 'the network protocol was ended by the other side',
  737: 'it heard its own packets',
  738: 'it got no address',
  739: 'this way to log in does not go with its saved credentials',
  741: 'it has not the encryption that it is set to demand',
  742: 'this server has not the encryption that it is set to demand',
  743: 'encryption is demanded that it is not set to',
  751: 'a character of its phone number is invalid',
  756: 'the connection is being dialled already',
  766: 'a certificate is missing on it',
  778: 'it could not verify who the server is',
  781: 'a certificate for encryption is missing on it',
  798: 'a certificate for EAP is missing on it',
  812: 'its way to log in is not allowed by the server',
  829: 'the link failed under the connection',
  830: 'its automatic clean-up ended the connection',
};

/** The demand for an encryption of PPP's own. */
export const ENCRYPTION_ERRORS: readonly number[] = [741, 742, 743];

/** `738 (it got no address)` */
export function formatRasError(error: number): string {
  const meaning = MEANINGS[error];
  return meaning === undefined ? String(error) : `${error} (${meaning})`;
}
