/** Texts in PowerShell. */

/**
 * A single-quoted string, in which nothing is replaced. Besides ' PowerShell takes U+2018 to U+201B for the quote: each
 * stands for itself when it stands twice.
 */
export function powershellLiteral(text: string): string {
  return `'${text.replace(/['\u2018-\u201b]/g, '$&$&')}'`;
}

/** Statements that put a certificate, DER in base64, into a variable: short lines, whatever a console or editor thinks of long ones. */
export function base64Statements(variable: string, pem: string): string[] {
  const lines =
    derOf(pem)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`${variable} = ''`, ...lines.map((line) => `${variable} += '${line}'`)];
}

/** The first certificate of a PEM text. @throws {RangeError} if there is none */
export function derOf(pem: string): Buffer {
  const body = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(pem)?.[1];
  if (body === undefined) throw new RangeError('there is no certificate in the PEM text');
  return Buffer.from(body, 'base64');
}
