/** Who may connect, with what address, and for how long: logins of VPN, portal and admin page, and leases. */
export { AdminLogin, tokensBackend } from './admin-login.ts';
export type {
  ControlPlane,
  ControlSession,
  GrantedLease,
  Judgement,
  SessionEnd,
  SessionInfo,
} from './control-plane.ts';
export type { EndReason, HttpEnd } from './end-reason.ts';
export { fixedAddressFault, fixedAddressRefusal, fixedAddressRule } from './fixed-address.ts';
export { fixedAddressCheck } from './fixed-address-check.ts';
export { type Lease, LeaseDesk } from './lease-desk.ts';
export { LocalControl } from './local-control.ts';
export { LoginDesk } from './login-desk.ts';
export { forgetOldPasswordsDaily } from './old-passwords.ts';
export type { Policy, PolicyKeys } from './policy.ts';
export { PortalDesk, type PortalRecord, type RefusedSignIn } from './portal-desk.ts';
export type { LiveSession, Login, SessionObserver } from './session-observer.ts';
export type { SessionTraffic } from './traffic.ts';
export { UserDesk } from './user-desk.ts';
