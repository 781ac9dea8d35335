/**
 * An SSTP client for Linux in user space, built from the server's own machines: `sstpd connect`, the peer in end-to-end
 * tests and the load in benchmarks. MS-SSTP 3.2.
 */
export { type ConnectOptions, connect } from './connect.ts';
export { Dial, type DialSettings } from './dial.ts';
export {
  type ClientAddresses,
  type ClientEnd,
  SstpClient,
  type SstpClientSettings,
  type Timeline,
} from './sstp-client.ts';
