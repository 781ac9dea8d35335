/**
 * Files that set a client up: facts in, text out, one file for each format. Windows (PowerShell, RAS phonebook as in
 * MS-RRASM 2.2.2), NetworkManager's keyfile, sstp-client, the Android app, RouterOS. Each knows the quoting of its format;
 * none holds a password.
 */
export { androidSettings } from './android.ts';
export { dialText, type ProfileFacts } from './facts.ts';
export {
  caFile,
  fileName,
  fileNamed,
  PROFILE_FORMATS,
  type ProfileFile,
  type ProfileFormat,
  profileFile,
  profileFiles,
} from './files.ts';
export { LEAKS_IPV6, leaksIpv6 } from './ipv6.ts';
export { CONNECTION_PLACE, caPlace, storePasswordCommand } from './network-manager.ts';
export { routerosCommands } from './routeros.ts';
export { runDownloaded, windowsPaste } from './windows-connection.ts';
