import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { listenForMetrics, type MetricsListener } from '../../admin/index.ts';
import { ErrorLog } from './fake-backend.ts';

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: string;
}

async function listen(
  t: TestContext,
  metrics = async () => 'sstp_up 1\n',
  log = new ErrorLog(),
): Promise<MetricsListener> {
  const isOwnName = (name: string): boolean => name === 'vpn.example';
  const listener = await listenForMetrics({ host: '127.0.0.1', port: 0, metrics, isOwnName, log });
  t.after(() => listener.close());
  return listener;
}

function call(port: number, method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1', method, path, headers, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'], body }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

test('GET and HEAD of /metrics are answered in the text format 0.0.4, and nothing else is there', async (t) => {
  const { port } = await listen(t);
  const type = 'text/plain; version=0.0.4; charset=utf-8';
  assert.deepEqual(await call(port, 'GET', '/metrics'), { status: 200, type, body: 'sstp_up 1\n' });
  assert.deepEqual(await call(port, 'GET', '/metrics?x=y'), { status: 200, type, body: 'sstp_up 1\n' });
  assert.deepEqual(await call(port, 'HEAD', '/metrics'), { status: 200, type, body: '' });
  assert.equal((await call(port, 'POST', '/metrics')).status, 405);
  for (const path of ['/', '/metrics/', '/metricsx', '/v1/status', '/..%2fmetrics']) {
    assert.equal((await call(port, 'GET', path)).status, 404, path);
  }
});

/** Sends bytes as they are, and reads to the end. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1').setEncoding('latin1');
    let answer = '';
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.on('error', reject).on('close', () => resolve(answer));
    socket.write(text);
  });
}

test('a page whose name leads to this address (DNS rebinding) reads nothing, by whatever way it names itself', async (t) => {
  const { port } = await listen(t);
  for (const host of [
    '127.0.0.1',
    '127.0.0.1:9100',
    '[::1]:9100',
    'localhost:9100',
    'vpn.example:9100',
    'VPN.Example.',
  ]) {
    assert.equal((await call(port, 'GET', '/metrics', { host })).status, 200, host);
  }
  for (const host of ['rebound.example', '127.0.0.1.rebound.example', 'localhost.rebound.example', 'x@127.0.0.1']) {
    const { status, body } = await call(port, 'GET', '/metrics', { host });
    assert.equal(status, 421, host);
    assert.doesNotMatch(body, /sstp_up/);
  }
  const end = 'Connection: close\r\n\r\n';
  const strange = [
    `GET http://rebound.example/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n${end}`,
    `GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: rebound.example\r\n${end}`,
    `GET /metrics HTTP/1.1\r\nHost: rebound.example\r\nHost: 127.0.0.1\r\n${end}`,
    `GET /metrics HTTP/1.0\r\n${end}`,
    `GET /metrics HTTP/1.1\r\nHost:\r\n${end}`,
  ];
  for (const text of strange) assert.match(await raw(port, text), /^HTTP\/1\.1 421 /, text);
});

test('a header that is too long is refused', async (t) => {
  const { port } = await listen(t);
  const { status } = await call(port, 'GET', '/metrics', { x: 'y'.repeat(20_000) });
  assert.equal(status, 431);
});

test('a fault is a 500 that says nothing, and a line for the operator', async (t) => {
  const log = new ErrorLog();
  const { port } = await listen(t, () => Promise.reject(new Error('secret of ours')), log);
  const { status, body } = await call(port, 'GET', '/metrics');
  assert.equal(status, 500);
  assert.doesNotMatch(body, /secret/);
  assert.equal(log.errors[0]?.[0], 'metrics.failed');
});

test('so many connections, whoever has them', async (t) => {
  const { port } = await listen(t);
  const sockets = Array.from({ length: 40 }, () => connect(port, '127.0.0.1'));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  const closed = sockets.map(
    (socket) =>
      new Promise<void>((resolve) => {
        socket.on('error', () => {});
        socket.once('close', () => resolve());
      }),
  );
  await Promise.race(closed); // one beyond the bound
  await assert.rejects(call(port, 'GET', '/metrics'));
});

test('a port that is taken is an error', async (t) => {
  const { port } = await listen(t);
  const options = { host: '127.0.0.1', port, metrics: async () => '', isOwnName: () => false, log: new ErrorLog() };
  await assert.rejects(listenForMetrics(options), { code: 'EADDRINUSE' });
});
