import assert from 'node:assert/strict';
import { test } from 'node:test';
import { downEvent, scriptArguments, scriptEnvironment, upEvent } from '../../../../server/observe/hooks/hook-event.ts';
import { liveSession } from './live-session.ts';

const END = { reason: 'terminated-by-peer', bytesIn: 10, bytesOut: 20 } as const;
const LATER = new Date('2026-01-01T00:01:05.400Z');

test('the arguments and variables are those of ip-up (pppd(8), SCRIPTS), and ours behind them', () => {
  const event = upEvent(liveSession());
  assert.deepEqual(scriptArguments(event), ['sstp0', 'sstp', '0', '10.86.0.1', '10.86.0.2', '192.0.2.7']);
  assert.deepEqual(scriptEnvironment(event, 88), {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    IFNAME: 'sstp0',
    DEVICE: 'sstp',
    SPEED: '0',
    IPLOCAL: '10.86.0.1',
    IPREMOTE: '10.86.0.2',
    PEERNAME: 'ann',
    ORIG_UID: '88',
    PPPLOGNAME: 'sstpd',
    DNS1: '9.9.9.9',
    DNS2: '1.1.1.1',
    WINS1: '10.0.0.5',
    SSTPD_HOOK_EVENT: 'up',
    SSTPD_HOOK_SESSION: '00aabbcc',
    SSTPD_HOOK_PEER: '192.0.2.7',
    SSTPD_HOOK_METHOD: 'mschapv2',
    SSTPD_HOOK_GROUPS: 'staff,vpn',
  });
});

test('at the end: how long, how much and why; sent is what the client received', () => {
  const variables = scriptEnvironment(downEvent(liveSession(), END, LATER), 0);
  const { CONNECT_TIME, BYTES_SENT, BYTES_RCVD, SSTPD_HOOK_EVENT, SSTPD_HOOK_REASON } = variables;
  assert.deepEqual([CONNECT_TIME, BYTES_SENT, BYTES_RCVD], ['65', '20', '10']);
  assert.deepEqual([SSTPD_HOOK_EVENT, SSTPD_HOOK_REASON], ['down', 'terminated-by-peer']);
});

test('with IPv6: link-local addresses of both sides and the /64', () => {
  const { LLLOCAL, LLREMOTE, SSTPD_HOOK_IPV6 } = scriptEnvironment(upEvent(liveSession({ ipv6: true })), 0);
  assert.deepEqual([LLLOCAL, LLREMOTE, SSTPD_HOOK_IPV6], ['fe80::1', 'fe80::a56:2', 'fd00:86:0:7::/64']);
});

test('the event says the same as one object', () => {
  assert.deepEqual(downEvent(liveSession(), END, LATER), {
    event: 'session.down',
    at: '2026-01-01T00:01:05.400Z',
    session: '00aabbcc',
    interface: 'sstp0',
    user: 'ann',
    groups: ['staff', 'vpn'],
    method: 'mschapv2',
    peerAddress: '192.0.2.7',
    localIpv4: '10.86.0.1',
    remoteIpv4: '10.86.0.2',
    dns: ['9.9.9.9', '1.1.1.1'],
    wins: ['10.0.0.5'],
    reason: 'terminated-by-peer',
    seconds: 65,
    bytesSent: 20,
    bytesReceived: 10,
  });
});
