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
  const listener = await listenForMetrics({ host: '127.0.0.1', port: 0, metrics, log });
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
  const options = { host: '127.0.0.1', port, metrics: async () => '', log: new ErrorLog() };
  await assert.rejects(listenForMetrics(options), { code: 'EADDRINUSE' });
});
