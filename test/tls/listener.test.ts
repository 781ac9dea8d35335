import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { ListenError, listenError } from '../../tls/index.ts';
import { bindSocket } from '../../tun/index.ts';
import { authority, Harness, sClient, serverContext } from './support.ts';

const context = serverContext();

/** A client whose errors are of no interest. */
function tcp(port: number): Socket {
  return connectTcp({ host: '127.0.0.1', port }).on('error', () => undefined);
}

function tls(port: number, options: ConnectionOptions = {}): TLSSocket {
  const base = { host: '127.0.0.1', port, ca: authority.certificatePem };
  return connectTls({ ...base, ...options }).on('error', () => undefined);
}

/** Reads until the end; whatever came. */
async function drained(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

for (const [version, cipher] of [
  ['TLSv1.2', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
] as const) {
  test(`${version}: the connection comes with its addresses, what was negotiated, and the certificate's hashes`, async () => {
    const { address, connections } = await new Harness(context).start();
    const client = tls(address.port, { minVersion: version, maxVersion: version });
    const { info, hashes } = await connections.next();
    const { hello, ...rest } = info;
    assert.equal(hello?.versions[0], version);
    assert.deepEqual(rest, {
      remoteAddress: '127.0.0.1',
      remotePort: client.localPort,
      localAddress: '127.0.0.1',
      localPort: address.port,
      tlsVersion: version,
      cipher,
      alpn: undefined,
      sni: undefined,
    });
    assert.equal(hashes, context.hashes);
    client.destroy();
  });
}

test('plaintext flows both ways, what came with the end of the handshake first', async () => {
  const { address, connections } = await new Harness(context).start();
  const client = tls(address.port);
  client.write('early ');
  const { socket } = await connections.next();
  const [heard] = await once(socket, 'data');
  assert.equal(String(heard), 'early ');
  socket.end('answer');
  assert.equal(String(await drained(client)), 'answer');
});

test('ALPN: http/1.1 is chosen when offered, also behind h2; none offered is fine', async () => {
  const { address, connections } = await new Harness(context).start();
  for (const [ALPNProtocols, alpn] of [
    [['http/1.1'], 'http/1.1'],
    [['h2', 'http/1.1'], 'http/1.1'],
    [undefined, undefined],
  ] as const) {
    const client = tls(address.port, ALPNProtocols === undefined ? {} : { ALPNProtocols: [...ALPNProtocols] });
    const [{ info }] = await Promise.all([connections.next(), once(client, 'secureConnect')]);
    assert.equal(info.alpn, alpn);
    assert.equal(client.alpnProtocol || undefined, alpn);
    client.destroy();
  }
});

test('ALPN: a client that offers only h2 gets the alert no_application_protocol (RFC 7301 3.2)', async () => {
  const { address, failures, connections } = await new Harness(context).start();
  for (const version of ['-tls1_2', '-tls1_3']) {
    const { text } = await sClient(address.port, version, '-alpn', 'h2');
    assert.match(text, /alert number 120/);
    const { failure } = await failures.next();
    assert.equal(failure.stage, 'handshake');
    assert.match(failure.hint ?? '', /HTTP\/2/);
  }
  assert.equal(connections.all.length, 0);
});

test('SNI is told in lower case, without the port that sstpc puts into it; any other name is served as well', async () => {
  const { address, connections } = await new Harness(context).start();
  const cases = [
    ['vpn.test', 'vpn.test'],
    ['VPN.test:4443', 'vpn.test'],
    ['other.example', 'other.example'],
    ['b\u0001d', undefined],
  ] as const;
  for (const [servername, sni] of cases) {
    const client = tls(address.port, { servername, rejectUnauthorized: false });
    assert.equal((await connections.next()).info.sni, sni);
    client.destroy();
  }
});

test('setContext: new connections get the new certificate and its hashes, old ones keep working with theirs', async () => {
  const { listener, address, connections } = await new Harness(context).start();
  const next = serverContext();
  const before = tls(address.port);
  const old = await connections.next();
  listener.setContext(next);
  const behind = tls(address.port);
  const [fresh] = await Promise.all([connections.next(), once(behind, 'secureConnect')]);
  assert.equal(old.hashes, context.hashes);
  assert.equal(fresh.hashes, next.hashes);
  assert.notDeepEqual(fresh.hashes.sha256, old.hashes.sha256);
  const shown = behind.getPeerX509Certificate();
  assert.deepEqual(shown?.raw, new X509Certificate(String(next.serverOptions.cert)).raw);
  old.socket.end('still here');
  assert.equal(String(await drained(before)), 'still here');
  behind.destroy();
});

test('setContext: a connection comes with the hashes of the certificate that it was shown', async () => {
  const { listener, address, connections, admitted } = await new Harness(context).start();
  const raw = tcp(address.port);
  await once(raw, 'connect');
  while (admitted.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const next = serverContext();
  listener.setContext(next);
  const client = tls(address.port, { socket: raw, rejectUnauthorized: false });
  const [connected] = await Promise.all([connections.next(), once(client, 'secureConnect')]);
  assert.equal(connected.hashes, next.hashes);
  const shown = client.getPeerX509Certificate()?.raw ?? assert.fail();
  assert.deepEqual(createHash('sha256').update(shown).digest(), next.hashes.sha256);
  client.destroy();
});

test('a session resumes within a context, and not across a change of certificate', async () => {
  const { listener, address, connections } = await new Harness(context).start();
  const options = { maxVersion: 'TLSv1.2' as const, servername: 'vpn.test' };
  const first = tls(address.port, options);
  const [[session]] = await Promise.all([once(first, 'session'), connections.next()]);
  const reused = async (): Promise<boolean> => {
    const client = tls(address.port, { ...options, session });
    await Promise.all([once(client, 'secureConnect'), connections.next()]);
    const result = client.isSessionReused();
    client.destroy();
    return result;
  };
  assert.equal(await reused(), true);
  listener.setContext(serverContext());
  assert.equal(await reused(), false);
  first.destroy();
});

const NOT_TLS: readonly [string, string | Buffer, RegExp | undefined][] = [
  ['plain HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', /https:/],
  ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n', undefined],
  ['zeros', Buffer.alloc(64), undefined],
  ['a TLS record that claims more than the most', Buffer.from('160301ffff010000', 'hex'), undefined],
  ['an alert as the first record', Buffer.from('15030100020228', 'hex'), undefined],
];

for (const [name, bytes, hint] of NOT_TLS) {
  test(`${name} instead of a ClientHello ends that connection alone`, async () => {
    const { address, failures, connections, closes } = await new Harness(context).start();
    const client = tcp(address.port);
    client.write(bytes);
    const [{ failure }] = await Promise.all([failures.next(), drained(client)]);
    assert.equal(failure.stage, 'handshake');
    assert.equal(failure.bytesReceived, bytes.length);
    if (hint !== undefined) assert.match(failure.hint ?? '', hint);
    assert.equal(await closes.next(), 1);
    tls(address.port);
    assert.equal((await connections.next()).info.remoteAddress, '127.0.0.1');
    assert.equal(failures.all.length, 1);
  });
}

test('a client that does not trust the certificate: its alert, and what to do', async () => {
  const { address, failures } = await new Harness(context).start();
  for (const version of ['-tls1_2', '-tls1_3']) {
    void sClient(address.port, version, '-verify_return_error');
    const { failure } = await failures.next();
    assert.equal(failure.alert, 'unknown_ca');
    assert.match(failure.hint ?? '', /did not trust/);
  }
});

test('a client that goes away during the handshake is told as closed, once', async () => {
  const { address, failures, closes } = await new Harness(context).start();
  for (const end of ['end', 'resetAndDestroy'] as const) {
    const client = tcp(address.port);
    await once(client, 'connect');
    client.write(Buffer.from('1603010200010001fc0303', 'hex'), () => client[end]());
    const [{ failure }] = await Promise.all([failures.next(), closes.next()]);
    assert.deepEqual([failure.stage, failure.remoteAddress, failure.alert], ['closed', '127.0.0.1', undefined]);
    // Who said something first may have seen the certificate and not liked it, as Windows shows it.
    assert.equal(/did not trust/.test(failure.hint ?? ''), failure.bytesReceived > 0);
  }
  assert.equal(failures.all.length, 2);
  assert.equal(closes.all.length, 2);
});

test('a port scan shows by its 0 bytes', async () => {
  const { address, failures } = await new Harness(context).start();
  const client = tcp(address.port);
  await once(client, 'connect');
  client.end();
  const { failure } = await failures.next();
  assert.deepEqual([failure.stage, failure.bytesReceived, failure.hint], ['closed', 0, undefined]);
});

test('a silent client is closed when its time is up', async () => {
  const { address, failures, closes } = await new Harness(context, { handshakeTimeoutMs: 40 }).start();
  const client = tcp(address.port);
  const [{ failure }] = await Promise.all([failures.next(), drained(client), closes.next()]);
  assert.equal(failure.stage, 'timeout');
  assert.equal(failures.all.length, 1);
});

test('bytes that trickle in do not lengthen the time for the handshake', async () => {
  const { address, failures } = await new Harness(context, { handshakeTimeoutMs: 120 }).start();
  const client = tcp(address.port);
  const hello = Buffer.from('1603010200010001fc0303', 'hex');
  let sent = 0;
  const trickle = setInterval(() => client.write(hello.subarray(sent, ++sent)), 20);
  const { failure } = await failures.next();
  clearInterval(trickle);
  assert.equal(failure.stage, 'timeout');
  assert.ok(failure.bytesReceived > 0);
  client.destroy();
});

test('the time for the handshake does not end a connection that is up', async () => {
  const { address, connections, closes } = await new Harness(context, { handshakeTimeoutMs: 50 }).start();
  const client = tls(address.port);
  const { socket } = await connections.next();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(closes.all.length, 0);
  socket.end('x');
  assert.equal(String(await drained(client)), 'x');
});

test('a refused address is closed without a byte, does not count as open, and is asked about once', async () => {
  const asked: string[] = [];
  const admit = (remoteAddress: string): undefined => {
    asked.push(remoteAddress);
  };
  const { address, failures, closes, connections } = await new Harness(context, { admit }).start();
  assert.equal((await drained(tcp(address.port))).length, 0);
  assert.deepEqual(asked, ['127.0.0.1']);
  assert.deepEqual([failures.all.length, closes.all.length, connections.all.length], [0, 0, 0]);
});

test('each ticket goes to its own connection and is closed once, whoever ends it', async () => {
  const { address, connections, closes, admitted } = await new Harness(context).start();
  const first = tls(address.port);
  const one = await connections.next();
  const second = tls(address.port);
  const [two] = await Promise.all([connections.next(), once(second, 'secureConnect')]);
  assert.deepEqual([one.ticket.number, two.ticket.number], [1, 2]);
  second.destroy();
  assert.equal(await closes.next(), 2);
  one.socket.destroy();
  await Promise.all([closes.next(), drained(first)]);
  assert.deepEqual([admitted.length, closes.all], [2, [2, 1]]);
});

test('an error behind the handshake reaches the owner of the socket and closes it', async () => {
  const { address, connections, failures, closes } = await new Harness(context).start();
  const raw = tcp(address.port);
  const client = tls(address.port, { socket: raw });
  const [{ socket }] = await Promise.all([connections.next(), once(client, 'secureConnect')]);
  const errors: Error[] = [];
  socket.on('error', (error) => errors.push(error));
  raw.write(Buffer.from('1703030013000000000000000000000000000000000000ff', 'hex')); // a record with a wrong tag
  await closes.next();
  assert.match(errors[0]?.message ?? '', /decryption failed or bad record mac/);
  assert.equal(failures.all.length, 0);
});

test('close: the port is free at once, handshakes end, connections that are up go on', async () => {
  const { listener, address, connections, failures, admitted } = await new Harness(context).start();
  const client = tls(address.port);
  const { socket } = await connections.next();
  const silent = tcp(address.port);
  while (admitted.length < 2) await new Promise((resolve) => setImmediate(resolve));
  await listener.close();
  await drained(silent);
  assert.equal((await failures.next()).failure.stage, 'closed');
  const again = new Harness(context);
  assert.equal((await again.listener.listen({ host: '127.0.0.1', port: address.port })).port, address.port);
  socket.end('still here');
  assert.equal(String(await drained(client)), 'still here');
  await listener.close();
});

test('without a host the listener serves IPv4 and IPv6; IPv4 addresses are told as such', async () => {
  const { listener, connections } = new Harness(context);
  const { port, family, address } = await listener.listen({ host: undefined, port: 0 });
  const client = tls(port);
  assert.equal((await connections.next()).info.remoteAddress, '127.0.0.1');
  client.destroy();
  assert.deepEqual([family, address], family === 'IPv6' ? ['IPv6', '::'] : ['IPv4', '0.0.0.0']);
});

test('a port that is taken: one line with address and remedy; the same listener may then listen elsewhere', async () => {
  const { address } = await new Harness(context).start();
  const second = new Harness(context);
  await assert.rejects(second.listener.listen({ host: '127.0.0.1', port: address.port }), (error) => {
    assert.ok(error instanceof ListenError);
    assert.equal(error.code, 'ERR_LISTEN');
    assert.match(
      error.message,
      new RegExp(`^cannot listen on 127.0.0.1:${address.port}: another program has the port; .*$`),
    );
    return true;
  });
  assert.notEqual((await second.listener.listen({ host: '127.0.0.1', port: 0 })).port, address.port);
});

test('a socket that is bound already: it listens there', async () => {
  const { fd, port } = bindSocket('127.0.0.1', 0, '');
  const { listener } = new Harness(context);
  assert.deepEqual(await listener.listen({ fd }), { address: '127.0.0.1', family: 'IPv4', port });
});

test('an address that the machine does not have (RFC 5737)', async () => {
  const { listener } = new Harness(context);
  await assert.rejects(
    listener.listen({ host: '192.0.2.1', port: 0 }),
    /^ListenError: cannot listen on 192\.0\.2\.1:0: this machine does not have/,
  );
});

test('each cause of a failed bind has its line', () => {
  const line = (code: string, host: string | undefined, port: number): string =>
    listenError(Object.assign(new Error('raw message'), { code }), host, port).message;
  assert.match(
    line('EACCES', undefined, 443),
    /^cannot listen on \[::\]:443: ports below 1024 need root or CAP_NET_BIND_SERVICE/,
  );
  assert.match(line('EACCES', '::1', 4443), /^cannot listen on \[::1\]:4443: not allowed/);
  assert.match(line('EAFNOSUPPORT', '::1', 443), /IPv4/);
  assert.match(line('ENOTFOUND', 'x.test', 443), /^cannot listen on x.test:443: the host name/);
  assert.match(line('EINVAL', 'fe80::1', 443), /link-local/);
  assert.match(line('EWEIRD', '127.0.0.1', 443), /raw message$/);
});
