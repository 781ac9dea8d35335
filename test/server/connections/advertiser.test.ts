import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv6, parseIpv6Cidr } from '../../../core/index.ts';
import type { DataLink } from '../../../datapath/index.ts';
import { Advertiser } from '../../../server/connections/advertiser.ts';

const ROUTER = parseIpv6('fe80::1') ?? assert.fail();
const DNS = parseIpv6('2001:db8::53') ?? assert.fail();
const [PREFIX_A, PREFIX_B] = ['2001:db8:0:1::/64', '2001:db8:0:2::/64'].map((text) => parseIpv6Cidr(text));

/** Keeps what it is given to send. */
function fakeLink(): { link: DataLink; sent: string[] } {
  const sent: string[] = [];
  const sendPacket: DataLink['sendPacket'] = (bytes, start, end, protocol) => {
    assert.equal(protocol, 0x0057);
    sent.push(Buffer.from(bytes.subarray(start, end)).toString('hex'));
  };
  return { link: { sendPacket } as DataLink, sent };
}

function newAdvertiser(t: { after(end: () => void): void }): Advertiser {
  const advertiser = new Advertiser({ routerLinkLocal: ROUTER, mtuBytes: 1400, dns: [DNS] });
  t.after(() => advertiser.stop());
  return advertiser;
}

test('a client with a /64 hears of it as soon as IPv6 is up (RFC 4861 4.2, RFC 8106)', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { link, sent } = fakeLink();
  newAdvertiser(t).add(link, PREFIX_A ?? assert.fail());
  assert.equal(sent.length, 1);
  const [packet = ''] = sent;
  // from fe80::1 to ff02::1, hop limit 255, ICMPv6 134
  assert.equal(packet.slice(12, 16), '3aff');
  assert.equal(packet.slice(16, 80), `fe80${'00'.repeat(13)}01ff02${'00'.repeat(13)}01`);
  assert.equal(packet.slice(80, 84), '8600');
  assert.ok(packet.includes('20010db8000000010000000000000000'), 'its prefix');
  assert.ok(packet.includes('0501000000000578'), 'MTU 1400');
  assert.ok(packet.includes('20010db8000000000000000000000053'), 'the resolver');
});

test('each client hears of its own /64 every 300 s (RFC 4861 6.2.1), until it is removed', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const [a, b] = [fakeLink(), fakeLink()];
  const advertiser = newAdvertiser(t);
  advertiser.add(a.link, PREFIX_A ?? assert.fail());
  advertiser.add(b.link, PREFIX_B ?? assert.fail());
  t.mock.timers.tick(299_999);
  assert.equal(a.sent.length, 1);
  t.mock.timers.tick(1);
  assert.equal(a.sent.length, 2);
  assert.equal(b.sent.length, 2);
  assert.equal(a.sent[1], a.sent[0]);
  assert.notEqual(b.sent[1], a.sent[1]);
  advertiser.remove(a.link);
  t.mock.timers.tick(300_000);
  assert.equal(a.sent.length, 2);
  assert.equal(b.sent.length, 3);
});

test('who has no /64 is told nothing, even if it asks', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { link, sent } = fakeLink();
  newAdvertiser(t).advertise(link);
  assert.deepEqual(sent, []);
});

test('stop ends the interval', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { link, sent } = fakeLink();
  const advertiser = newAdvertiser(t);
  advertiser.add(link, PREFIX_A ?? assert.fail());
  advertiser.stop();
  t.mock.timers.tick(900_000);
  assert.equal(sent.length, 1);
});
