/**
 * Who may connect, with what: the check of what PAP, CHAP and MS-CHAPv2 deliver, the throttle for guessers, the rules for names
 * and passwords, and the arithmetic of RFC 2759 and RFC 3079 from which SSTP takes its HLAK (MS-SSTP 3.2.5.2.2). The exchanges
 * themselves are in `ppp/auth/`, who there is in `store/`.
 */
export { Authenticator, type AuthenticatorOptions } from './authenticator.ts';
export { CODE_PAGES, type CodePage } from './code-pages.ts';
export type { Account, CredentialSource, Credentials, Secret, SecretKind, User } from './credentials.ts';
export { BROWSER_MS, type BrowserOf, KnownBrowsers } from './known-browsers.ts';
export type { LoginReason } from './login-reason.ts';
export { hlakFromMsChapV2 } from './mppe-keys.ts';
export { type ChallengeInput, type MsChapV2Answer, mschapv2Answer, ntPasswordHash } from './mschapv2.ts';
export { DUMMY_HASH, hashPassword, verifyPassword } from './password-hash.ts';
export {
  checkNewPassword,
  MOST_PASSWORD_LENGTH,
  type NewPasswordOptions,
  strengthOf,
  strengthOfText,
} from './password-rule.ts';
export { randomPassword } from './random-password.ts';
export type { LiftTarget } from './throttle/lifts.ts';
export { type Attack, LoginThrottle, type LoginThrottleOptions, type Outcome } from './throttle/login-throttle.ts';
export type { Hold, LoginAttempt, Turn } from './throttle/place.ts';
export type { ThrottleEntry } from './throttle/throttle-entry.ts';
export {
  checkGroups,
  checkUserName,
  LEAST_TRIED,
  leastTried,
  type Meant,
  meantBy,
  nameCandidates,
} from './user-name.ts';
export { UserStoreError, type UserStoreErrorCode } from './user-store-error.ts';
export {
  type LoginQuestion,
  type LoginResult,
  type LoginStep,
  MOST_QUESTION_BYTES,
  MOST_STATE_BYTES,
  type ReadProof,
  type Verifier,
} from './verifier.ts';
