/**
 * Who may connect, with what: local users in SQLite, the check of what PAP, CHAP and MS-CHAPv2 deliver, the throttle for
 * guessers, admin accounts and API tokens, and the arithmetic of RFC 2759 and RFC 3079 from which SSTP takes its HLAK (MS-SSTP 3.2.5.2.2).
 * The exchanges themselves are in `ppp/auth/`.
 */
export type { AdminAccount } from './admin-accounts.ts';
export { AdminStore } from './admin-store.ts';
export type { ApiToken } from './api-tokens.ts';
export {
  Authenticator,
  type AuthenticatorOptions,
  type LoginReason,
  type LoginResult,
  type ReadProof,
} from './authenticator.ts';
export { CODE_PAGES, type CodePage } from './code-pages.ts';
export { BROWSER_MS, type BrowserOf, KnownBrowsers } from './known-browsers.ts';
export { hlakFromMsChapV2 } from './mppe-keys.ts';
export { type ChallengeInput, type MsChapV2Answer, mschapv2Answer } from './mschapv2.ts';
export { checkNewPassword } from './password-rule.ts';
export { randomPassword } from './random-password.ts';
export type { Secret, SecretKind } from './secret-seal.ts';
export type { LiftTarget } from './throttle/lifts.ts';
export { type Attack, LoginThrottle, type LoginThrottleOptions, type Outcome } from './throttle/login-throttle.ts';
export type { Hold, LoginAttempt, Turn } from './throttle/place.ts';
export type { ThrottleEntry } from './throttle/throttle-entry.ts';
export { type Account, type Credentials, type User, UserStore, type UserStoreOptions } from './user-store.ts';
export { UserStoreError, type UserStoreErrorCode } from './user-store-error.ts';
