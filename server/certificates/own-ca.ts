/** The certificate of the own authority, for who has to trust it. */
export interface OwnCa {
  readonly file: string;
  readonly pem: string;
  readonly fingerprint: string;
}
