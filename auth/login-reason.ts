/**
 * For the log. A client learns only what is in the verdict. 'domain-hashed': the password is right, but its proof is over
 * the name with the domain, or without the realm. 'unfinished': it would have taken another question to the client, which
 * cannot be shown there, or one too many, or the answer came too late.
 */
export type LoginReason =
  | 'ok'
  | 'unknown-user'
  | 'wrong-password'
  | 'domain-hashed'
  | 'disabled'
  | 'method-needs-password'
  | 'unfinished';
