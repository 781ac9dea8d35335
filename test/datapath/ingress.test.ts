import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeIpv4, judgeIpv6 } from '../../datapath/ingress.ts';
import { Verdict } from '../../ip/index.ts';
import { CLIENT_LINK_LOCAL, CLIENT_PREFIX, CLIENT4, hex, ipv4, ipv6, SERVER_LINK_LOCAL } from './packets.ts';

const CLIENT6 = { prefix: CLIENT_PREFIX, linkLocal: CLIENT_LINK_LOCAL, serverLinkLocal: SERVER_LINK_LOCAL };
const packet4 = ipv4('cb007105', 'c0a84d0a', hex('01020304'));
const packet6 = ipv6('20010db8ffff00000000000000000001', '20010db8000100070000000000000002', hex('01020304'));

test('from a client its source address counts, from a server it does not', () => {
  assert.equal(judgeIpv4('from-client', packet4, 0, packet4.length, CLIENT4), Verdict.DropSource);
  assert.equal(judgeIpv4('from-server', packet4, 0, packet4.length, CLIENT4), Verdict.Forward);
  assert.equal(judgeIpv6('from-client', packet6, 0, packet6.length, CLIENT6), Verdict.DropSource);
  assert.equal(judgeIpv6('from-server', packet6, 0, packet6.length, CLIENT6), Verdict.Forward);
});

test('every truncation of a packet from the server is malformed (RFC 791 3.1, RFC 8200 3)', () => {
  for (let end = 0; end < packet4.length; end++) {
    assert.equal(judgeIpv4('from-server', packet4, 0, end, CLIENT4), Verdict.DropMalformed, `${end}`);
  }
  for (let end = 0; end < packet6.length; end++) {
    assert.equal(judgeIpv6('from-server', packet6, 0, end, CLIENT6), Verdict.DropMalformed, `${end}`);
  }
});

test('from the server: wrong version, short header length and total length below the header are malformed', () => {
  for (const start of ['5500 0018', '4400 0018', '4600 0017', '4500 0013']) {
    const packet = Buffer.concat([hex(start), packet4.subarray(4)]);
    assert.equal(judgeIpv4('from-server', packet, 0, packet.length, CLIENT4), Verdict.DropMalformed, start);
  }
  assert.equal(
    judgeIpv6('from-server', Buffer.concat([hex('45'), packet6.subarray(1)]), 0, 44, CLIENT6),
    Verdict.DropMalformed,
  );
});
