/** What a caller of the user store can do something about. */
export type UserStoreErrorCode =
  | 'ERR_USER_EXISTS' // another user has this name
  | 'ERR_USER_UNKNOWN' // no user has this name
  | 'ERR_USER_NAME' // no user may have this name
  | 'ERR_USER_PASSWORD' // no user may have this password
  | 'ERR_USER_PASSWORD_WEAK' // a password that guessers try first: taken only if that is asked for
  | 'ERR_USER_ADDRESS' // the fixed address is taken, or no host can have it
  | 'ERR_USER_GROUP' // no group may have this name, or these are too many
  | 'ERR_ADMIN_EXISTS' // another admin account has this name
  | 'ERR_ADMIN_UNKNOWN' // no admin account has this name
  | 'ERR_TOKEN' // no API token may be like that, or these are too many
  | 'ERR_TOKEN_UNKNOWN' // no API token has this id
  | 'ERR_USER_STORE' // the files cannot be used: missing, damaged, busy, from another version
  | 'ERR_USER_STORE_MODE'; // the files are open to others: the message ends with the command that mends it

/** The message is one line for the operator; it never contains a password. */
export class UserStoreError extends Error {
  override readonly name = 'UserStoreError';
  readonly code: UserStoreErrorCode;

  constructor(code: UserStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
