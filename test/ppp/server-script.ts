/** The steps of an ordinary session, written out, that the tests of the server's link start from. */
import type { PppServerEvent, PppServerOptions } from '../../ppp/index.ts';
import { LEASE } from './support.ts';
import { type Play, play } from './transcript.ts';

export const S: string = 'S=407A5589115FD0D6209F510FE9C04566932CDA56';
const accept = (name: string): PppServerEvent => ({
  kind: 'verdict',
  verdict: {
    kind: 'accept',
    name,
    authenticatorResponse: S,
    innerAuth: { kind: 'keys', hlaks: [Buffer.alloc(32, 7)] },
  },
});
export const ACCEPT: PppServerEvent = accept('alice');
export const EVENTS: Readonly<Record<string, PppServerEvent>> = {
  up: { kind: 'up' },
  accept: ACCEPT,
  'accept bob': accept('bob'),
  'wrong password': {
    kind: 'verdict',
    verdict: { kind: 'reject', errorCode: 691, retryAllowed: true, message: 'No' },
  },
  disabled: { kind: 'verdict', verdict: { kind: 'reject', errorCode: 647, retryAllowed: false, message: 'No' } },
  'data open': { kind: 'data-open' },
  lease: LEASE,
  'no lease': { ...LEASE, ipv4: undefined },
  terminate: { kind: 'terminate', reason: 'shutdown' },
};

export const OUR_REQUEST: string = 'ff03 c021 01 01 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5';
export const LCP: string = `
  * up
  > ff03 c021 01 40 0008 0104 0578
  < ${OUR_REQUEST}
  < ff03 c021 02 40 0008 0104 0578
  > ff03 c021 02 01 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
  < ff03 c223 01 04 001a 10 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 7373747064
`;
export const RESPONSE: string = `ff03 c223 02 04 003b 31 ${'22'.repeat(16)} ${'00'.repeat(8)} ${'33'.repeat(24)} 00 616c696365`;
export const SUCCESS: string = `ff03 c223 03 04 003f ${Buffer.from(`${S} M=Access granted`).toString('hex')}`;
export const AUTH: string = `
  > ${RESPONSE}
  * accept
  < ${SUCCESS}
`;
export const NETWORK: string = `
  * data open
  * lease
  > ff03 8021 01 50 000a 0306 0a090008
  < ff03 8021 01 01 000a 0306 0a090001
  < ff03 8021 02 50 000a 0306 0a090008
  > ff03 8021 02 01 000a 0306 0a090001
  > ff03 8057 01 51 000e 010a 0000000000000002
  < ff03 8057 01 01 000e 010a 0000000000000001
  < ff03 8057 02 51 000e 010a 0000000000000002
  > ff03 8057 02 01 000e 010a 0000000000000001
`;

export const run = (script: string, options: Partial<PppServerOptions> = {}): Play => play(script, EVENTS, options);
export const failureText = (id: string, code: number, retry: 0 | 1): string => {
  const text = Buffer.from(`E=${code} R=${retry} C=${'A5'.repeat(16)} V=3 M=No`);
  return `ff03 c223 04 ${id} 00${(text.length + 4).toString(16)} ${text.toString('hex')}`;
};
