/** A cause does not depend on what else was up when it struck, and what the client says of itself is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userCommand } from '../../../../core/remedies.ts';
import type { ScriptedPeer } from '../../connections/scripted-peer.ts';
import {
  accepted,
  authenticated,
  CALL_CONNECT,
  challenged,
  connected,
  IPCP,
  RESPONSE,
} from '../../connections/session.ts';
import { bound, expect, gone, IPCP_REQUEST, recordOf, start } from './record.ts';

const POOL6 = { flags: { 'pool.ipv6': '2001:db8:7::/48' } };

const END = '> 1000 000c ff03 c021 05 09 0004';
const MPPE = '> 1000 0012 ff03 80fd 01 05 000a 1206 01000060';
/** Magic-Number, the mark of Windows, a RAS error. */
const windowsEnd = (protocol: string, error: string): string =>
  `> 1000 0018 ff03 ${protocol} 05 0a 0010 11223344 003ccd74 ${error}`;
const ask = (address: string, id = '02'): string =>
  IPCP_REQUEST.replace('01 02', `01 ${id}`).replace('00000000', address);
const WITHOUT_ADDRESS = '> 1000 000c ff03 8021 01 04 0004';

interface Way {
  readonly packets: readonly string[];
  readonly code: string;
  readonly text: RegExp;
  readonly fix?: RegExp;
  /** Without IPv4 a session goes on where there is IPv6. */
  readonly isUpWithIpv6?: true;
}

const WAYS: Readonly<Record<string, Way>> = {
  'MPPE is demanded': {
    packets: [MPPE, END],
    code: '741',
    text: /MPPE/,
    fix: /-EncryptionLevel Optional/,
  },
  'MPPE is demanded, and Windows says so': {
    packets: [MPPE, windowsEnd('c021', '000002e6')],
    code: '742',
    text: /MPPE.*742 \(this server has not the encryption/,
    fix: /-EncryptionLevel Optional/,
  },
  'IPCP is refused': {
    packets: ['> 1000 0010 ff03 c021 08 03 0008 8021 0101'],
    code: '720',
    text: /refused IPv4/,
    isUpWithIpv6: true,
  },
  'LCP is ended during IPCP': { packets: [IPCP_REQUEST, END], code: '736', text: /while IPCP was going on/ },
  'Windows gets no address': {
    packets: [IPCP_REQUEST, windowsEnd('8021', '000002e2'), windowsEnd('c021', '00000000')],
    code: '738',
    text: /while IPCP was going on; the client's error is 738 \(it got no address\)\./,
  },
  'CCP without keys, ended with 732, is no reason': {
    packets: ['> 1000 0012 ff03 80fd 01 05 000a 1206 01000000', windowsEnd('80fd', '000002dc'), IPCP_REQUEST, END],
    code: '736',
    text: /while IPCP was going on\.$/,
  },
  'pppd says why': {
    packets: [
      IPCP_REQUEST,
      `> 1000 0021 ff03 c021 05 09 0019 ${Buffer.from('No network protocols').toString('hex')} 00`,
    ],
    code: '736',
    text: /the client said "No network protocols"\.$/,
  },
  'an address of its own': {
    packets: [ask('c0a80105'), ask('c0a80105', '03'), END],
    code: '735',
    text: /insisted on the address 192\.168\.1\.5.*10\.9\.0\.2/,
    fix: /sstpd user set alice --ip 192\.168\.1\.5\.$/,
  },
  'no address after a Nak': {
    packets: [ask('0a000001'), WITHOUT_ADDRESS, END],
    code: '738',
    text: /asks for no address/,
    fix: /take its IPv4 address from the server/,
  },
  'no address at all': { packets: [WITHOUT_ADDRESS, END], code: '738', text: /asks for no address/ },
  'another protocol was refused': {
    packets: ['> 1000 000c ff03 8281 01 05 0004', END],
    code: '733',
    text: /refused protocol 0x8281/,
  },
};

for (const [name, { packets, code, text, fix, isUpWithIpv6 }] of Object.entries(WAYS)) {
  for (const [situation, options, isIpv6Open] of [
    ['', {}, false],
    ['with IPv6CP open', {}, true],
    ['with IPv6CP open and IPv6 addresses', POOL6, true],
  ] as const) {
    if (isUpWithIpv6 === true && 'flags' in options) continue;
    test(`${code}: ${name} ${situation}`, async (t) => {
      const world = start(t, options);
      const peer = await bound(world);
      if (isIpv6Open) await openIpv6(peer);
      for (const packet of packets) await peer.sendBytes(peer.bytesOf(packet));
      const view = await gone(world, peer);
      expect(view, code, text, fix);
      const hasSession = 'flags' in options;
      assert.equal(view.state, hasSession ? 'ended' : 'failed');
      assert.equal(view.stage, hasSession ? 'up' : 'network');
      assert.equal(world.log.of('connection.up').length, hasSession ? 1 : 0);
    });
  }
}

/** IPv6CP to Opened, as Windows and pppd do it before or beside IPCP. */
async function openIpv6(peer: ScriptedPeer): Promise<void> {
  await peer.sendBytes(peer.bytesOf('> 1000 0016 ff03 8057 01 03 000e 010a 000000000a090002'));
  const sent = peer.socket.takeWritten();
  const at = sent.indexOf(Buffer.from('ff03805701', 'hex'));
  peer.set('id', sent.subarray(at + 5, at + 6));
  // A Router Advertisement may come behind it: what is sent is not looked at.
  await peer.sendBytes(peer.bytesOf('> 1000 0016 ff03 8057 02 <id> 000e 010a 0000000000000001'));
  peer.socket.takeWritten();
}

for (const isWorker of [false, true]) {
  test(`IPv6CP alone is no session without IPv6 addresses${isWorker ? ', in a worker' : ''} (RFC 1661 §3.7)`, async (t) => {
    const told: string[] = [];
    const observers = [{ up: () => void told.push('up'), down: () => void told.push('down') }];
    const world = start(t, { observers, isWorker });
    const without = await bound(world);
    await openIpv6(without);
    await world.advance(1);
    assert.equal(recordOf(world, without.connection.id).state, 'under-way');
    assert.equal(without.connection.view.stage, 'network');
    assert.deepEqual(world.log.of('connection.up'), []);
    await gone(world, without);
    assert.deepEqual(told, [], 'no hook is run');

    const peer = await bound(world);
    await openIpv6(peer);
    await peer.play(IPCP);
    await world.advance(1);
    assert.equal(recordOf(world, peer.connection.id).state, 'up');
    assert.equal(peer.connection.view.stage, 'up');
    assert.equal(world.log.of('connection.up').length, 1);
    await gone(world, peer);
    assert.deepEqual(told, ['up', 'down']);
  });
}

/** IPv6CP's end by 733, then what comes. */
const IPV6_REFUSED = windowsEnd('8057', '000002dd');

for (const [name, before, after] of [
  ['asked for MPPE before IPCP', MPPE, ''],
  ['asked for MPPE after IPCP', '', MPPE],
  ['has ended IPv6CP before', IPV6_REFUSED, ''],
  ['has ended IPv6CP after', '', IPV6_REFUSED],
] as const) {
  for (const [way, end] of [
    ['a plain Terminate-Request', END],
    ['an end of Windows without an error', windowsEnd('c021', '00000000')],
    ['FIN', ''],
  ] as const) {
    for (const options of [{}, POOL6]) {
      const where = 'flags' in options ? ' with IPv6 addresses' : '';
      test(`the client ${name}, works for a minute and leaves by ${way}: it hung up${where}`, async (t) => {
        const world = start(t, options);
        const peer = await bound(world);
        const said = async (packet: string) => {
          if (packet !== '') await peer.sendBytes(peer.bytesOf(packet));
          peer.socket.takeWritten();
        };
        if (before !== '' || 'flags' in options) await openIpv6(peer);
        await said(before);
        await openIpv4(peer);
        await said(after);
        await world.advance(60_000, 10_000);
        await said(end);
        const view = await gone(world, peer);
        assert.equal(view.state, 'ended');
        expect(
          view,
          undefined,
          way === 'FIN' ? /^The client closed the connection\.$/ : /^The client hung up\.$/,
          undefined,
        );
        assert.equal(view.explanation?.fix, undefined);
      });
    }
  }
}

/** IPCP to Opened, whatever the server has sent of it before. */
async function openIpv4(peer: ScriptedPeer): Promise<void> {
  await peer.sendBytes(peer.bytesOf(ask('0a090002', '21')));
  const sent = peer.socket.takeWritten();
  const at = sent.indexOf(Buffer.from('ff03802101', 'hex'));
  if (at >= 0) peer.set('ipcpId', sent.subarray(at + 5, at + 6));
  await peer.sendBytes(peer.bytesOf('> 1000 0012 ff03 8021 02 <ipcpId> 000a 0306 0a090001'));
  peer.socket.takeWritten();
}

for (const options of [{}, POOL6]) {
  const where = 'flags' in options ? ', where IPv6 is up' : '';
  test(`735 and 738: IPCP that failed by itself is why the client leaves${where}`, async (t) => {
    const world = start(t, options);
    const rejected = '> 1000 0010 ff03 8021 07 05 0008 01010004';
    for (const [packets, code, text] of [
      [
        Array.from({ length: 60 }, (_, i) => ask('0a000001', (i + 2).toString(16).padStart(2, '0'))),
        '735',
        /10\.0\.0\.1/,
      ],
      [[IPCP_REQUEST, rejected], '738', /came up \(IPCP|IPv4 did not come up/],
    ] as const) {
      const peer = await bound(world);
      if ('flags' in options) await openIpv6(peer);
      for (const packet of packets) await peer.sendBytes(peer.bytesOf(packet));
      if ('flags' in options) assert.equal(peer.connection.view.stage, 'up');
      await peer.sendBytes(peer.bytesOf(END));
      expect(await gone(world, peer), code, text, undefined);
    }
  });
}

test('an IPv6 session whose client wants no IPv4 is a session, and its end none of a failure', async (t) => {
  const world = start(t, POOL6);
  const peer = await bound(world);
  await openIpv6(peer);
  await peer.sendBytes(peer.bytesOf('> 1000 0010 ff03 c021 08 03 0008 8021 0101'));
  await world.advance(1_000);
  assert.equal(recordOf(world, peer.connection.id).state, 'up');
  await peer.sendBytes(peer.bytesOf(END));
  const view = await gone(world, peer);
  assert.equal(view.state, 'ended');
  expect(view, undefined, /^The client hung up\.$/, undefined);
});

test('a session that Windows ends with an error has that error, one that it just ends has none', async (t) => {
  const world = start(t);
  for (const [error, code, text] of [
    ['00000000', undefined, /^The client hung up\.$/],
    ['0000033e', '830', /hung up; the client's error is 830/],
    ['000002e6', '742', /MPPE/],
    ['deadbeef', '3735928559', /error is 3735928559\./],
  ] as const) {
    const peer = await connected(world);
    await peer.sendBytes(peer.bytesOf(windowsEnd('c021', error)));
    expect(await gone(world, peer), code, text, undefined);
  }
});

test('the words of a peer are whole in the record, and can do nothing to a terminal', async (t) => {
  const world = start(t);
  const words = 'gr\u00fc\u00dfe "x" \\ \u001b[2J \u202eevil\u0000';
  const data = Buffer.from(words);
  const peer = await connected(world);
  await peer.sendBytes(terminate(data));
  const view = await gone(world, peer);
  const expected = '"gr\u00fc\u00dfe \\"x\\" \\\\ \\x1b[2J \\u{202e}evil"';
  assert.equal(view.options.at(-1)?.options, expected);
  assert.ok(view.explanation?.text.includes(expected));
  assert.ok(!/\p{C}/u.test(JSON.stringify(view.options)));
});

test('a reason of 1,400 bytes is cut, and so are any number of them', async (t) => {
  const world = start(t);
  const peer = await bound(world);
  for (let i = 0; i < 100; i++) {
    const data = Buffer.alloc(1400, 0x61);
    const packet = terminate(data, 0x8021);
    await peer.sendBytes(packet);
  }
  const view = await gone(world, peer);
  assert.ok(view.options.every(({ options }) => options.length < 1_300));
  assert.ok((view.explanation?.text.length ?? 0) < 500);
});

function terminate(data: Buffer, protocol = 0xc021): Buffer {
  const packet = Buffer.concat([Buffer.from('10000000ff030000050a0000', 'hex'), data]);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt16BE(protocol, 6);
  packet.writeUInt16BE(packet.length - 8, 10);
  return packet;
}

const LCP_WITH_DEMAND = `
  > 1000 0017 ff03 c021 01 01 000f 0305 c223 81 0506 11223344
  < 1000 001b ff03 c021 01 <lcpId:1> 0013 0104 05dc 0305 c223 81 0506 <magic:4>
  < 1000 0011 ff03 c021 04 01 0009 0305 c223 81
`;

for (const words of ['', 'peer refused to authenticate']) {
  test(`pppd with auth among its options, which says "${words}": noauth, whenever it leaves`, async (t) => {
    const world = start(t);
    const early = await accepted(world);
    await early.play(`${CALL_CONNECT} ${LCP_WITH_DEMAND}`);
    await early.sendBytes(terminate(Buffer.from(words)));
    const late = await accepted(world);
    await late.play(`${CALL_CONNECT} ${LCP_WITH_DEMAND}
      > 1000 001b ff03 c021 02 <lcpId> 0013 0104 05dc 0305 c223 81 0506 <magic>
      > 1000 0012 ff03 c021 01 02 000a 0506 11223344
      < 1000 0012 ff03 c021 02 02 000a 0506 11223344
      < 1000 0022 ff03 c223 01 <chapId:1> 001a 10 <challenge:16> 7373747064`);
    await late.sendBytes(terminate(Buffer.from(words)));
    for (const peer of [early, late]) {
      const view = await gone(world, peer);
      expect(view, '734', /demanded that this server log in to it/, /noauth/);
      assert.equal(view.explanation?.text.includes(words), true);
    }
  });
}

test('pppd says that it wants our login or MPPE, and asked for neither before', async (t) => {
  const world = start(t);
  const [login, mppe] = ['peer refused to authenticate', 'MPPE required but peer refused'];
  const open = async (script: string): Promise<ScriptedPeer> => {
    const peer = await accepted(world);
    await peer.play(`${CALL_CONNECT} ${script}`);
    return peer;
  };
  const inLcp = '> 1000 0016 ff03 c021 01 01 000e 0104 05dc 0506 11223344';
  for (const [peer, words, code, fix] of [
    [await open(''), login, '734', /^Put noauth among/],
    [await challenged(world), login, '734', /^Put noauth among/],
    [await authenticated(world), `${mppe}\0`, '741', /require-mppe.*nomppe/],
    [await bound(world), mppe, '741', /require-mppe.*nomppe/],
    [await connected(world), mppe, '741', /require-mppe.*nomppe/],
  ] as const) {
    if (peer.connection.view.stage === 'lcp') await peer.sendBytes(peer.bytesOf(inLcp));
    if (peer.connection.view.stage === 'network') await peer.sendBytes(peer.bytesOf(IPCP_REQUEST));
    await peer.sendBytes(terminate(Buffer.from(words)));
    const view = await gone(world, peer);
    expect(view, code, new RegExp(`${words.replace('\0', '')}"\\.$`), fix);
  }
});

for (const [error, hex, fix] of [
  [691, '000002b3', /^Enter name and password.*MSChapv2/],
  [812, '0000032c', /^Allow MS-CHAPv2 in the client \(Set-VpnConnection/],
  [739, '000002e3', /saved credentials/],
  [742, '000002e6', /-EncryptionLevel Optional/],
  [4242, '00001092', /error 4242/],
] as const) {
  test(`the client's own error ${error} tells what mends its login, in LCP and after the Challenge`, async (t) => {
    const world = start(t);
    const early = await accepted(world);
    await early.play(`${CALL_CONNECT}`);
    await early.sendBytes(early.bytesOf('> 1000 0016 ff03 c021 01 01 000e 0104 05dc 0506 11223344'));
    for (const peer of [early, await challenged(world)]) {
      await peer.sendBytes(peer.bytesOf(windowsEnd('c021', hex)));
      const view = await gone(world, peer);
      expect(view, String(error), new RegExp(`the client's error is ${error}\\b`), fix);
      assert.doesNotMatch(JSON.stringify(view.explanation), /missed the Challenge|Dial again/);
    }
  });
}

test('a Challenge without an answer: a client that may have missed it, or one that is slow', async (t) => {
  const world = start(t);
  for (const [ms, text, fix] of [
    [3_000, /hung up 3\.0 s after this server's Challenge \(MS-CHAPv2\).*missed the Challenge/, /Dial again/],
    [20_000, /in the middle of the login, 20\.0 s after/, /Enter name and password/],
  ] as const) {
    const peer = await challenged(world);
    await world.advance(ms, 500);
    expect(await gone(world, peer), '719', text, fix);
  }
});

test('the login is in the record, but no name, proof or challenge of it', async (t) => {
  const world = start(t);
  const peer = await challenged(world);
  peer.set('ntResponse', Buffer.alloc(24, 7));
  await peer.sendBytes(peer.bytesOf(RESPONSE));
  const view = await gone(world, peer);
  const rows = view.options.filter(({ protocol }) => protocol === 'CHAP').map((one) => [one.packet, one.options]);
  assert.deepEqual(rows, [
    ['Challenge', ''],
    ['Response', ''],
    ['Failure', '"E=691 R=1 V=3 M=Wrong user name or password"'],
  ]);
});

test('remedies name the user, quoted for a shell', () => {
  assert.equal(userCommand('passwd', 'ann'), 'sstpd user passwd ann');
  assert.equal(userCommand('passwd', undefined), 'sstpd user passwd NAME');
  assert.equal(userCommand('set', "o'neil & co", ' --ip 10.0.0.9'), "sstpd user set 'o'\\''neil & co' --ip 10.0.0.9");
  assert.equal(userCommand('set', '-x', ' --ip 10.0.0.9'), 'sstpd user set --ip 10.0.0.9 -- -x');
  assert.equal(userCommand('enable', '$(reboot)'), "sstpd user enable '$(reboot)'");
});
