/**
 * MS-SSTP (v20240423): the HTTP request that opens a connection, the packets behind it, the call and its Crypto Binding.
 *
 * Everything is pure: bytes, time and random values come in as arguments. Start reading at `server-machine.ts`.
 */
export type {
  BindingFailedAction,
  EndingState,
  SstpCallAction,
  SstpCallEvent,
  SstpCloseReason,
} from './call.ts';
export * from './client-machine.ts';
export * from './constants.ts';
export {
  type BindingFacts,
  type BindingFault,
  type BindingVerdict,
  type CertificateHashes,
  compoundMac,
  type InnerAuth,
  verifyCryptoBinding,
} from './crypto-binding.ts';
export * from './framer.ts';
export * from './http-answer.ts';
export * from './http-preamble.ts';
export {
  type CallConnected,
  decodeMessage,
  encodeMessage,
  type SstpMessage,
  SstpMessageError,
  type StatusInfo,
} from './message.ts';
export * from './server-machine.ts';
