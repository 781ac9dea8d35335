/**
 * What the VPN port shows to whoever does not speak SSTP: a web page, the files of a folder or another web server, and the
 * user portal. It answers strangers, in the workers.
 */
export type { Fallback } from './fallback.ts';
export type { PortalAnswer, PortalQuestion } from './portal/backend.ts';
export { SIGNED_IN_MS } from './portal/cookies.ts';
export { upstreamFailure } from './upstream-failure.ts';
export { startWebPage, type WebPage, type WebPageOptions } from './web-page.ts';
