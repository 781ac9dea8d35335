import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HttpAnswerReader, type HttpAnswerResult } from '../../sstp/index.ts';

/** MS-SSTP 4.1. */
const ACCEPT =
  'HTTP/1.1 200\r\nContent-Length: 18446744073709551615\r\nServer: Microsoft-HTTPAPI/2.0\r\n' +
  'Date: Thu, 09 Nov 2006 00:51:09 GMT\r\n\r\n';

test('accepted, with or without a reason phrase, what follows is kept, in any cut (MS-SSTP 4.1)', () => {
  for (const answer of [ACCEPT, ACCEPT.replace('200', '200 OK')]) {
    const whole = latin1(`${answer}\x10\x01`);
    for (let cut = 0; cut < answer.length; cut++) {
      const reader = new HttpAnswerReader();
      assert.deepEqual(reader.push(whole.subarray(0, cut)), { kind: 'need-more' });
      assert.deepEqual(reader.push(whole.subarray(cut)), { kind: 'accepted', rest: latin1('\x10\x01') });
    }
  }
});

test('refused, with the body, in any cut', () => {
  const head = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\n';
  const whole = latin1(`${head}full`);
  for (let cut = 0; cut < whole.length; cut++) {
    const reader = new HttpAnswerReader();
    assert.deepEqual(reader.push(whole.subarray(0, cut)), { kind: 'need-more' });
    assert.deepEqual(reader.push(whole.subarray(cut)), { kind: 'refused', status: 503, body: 'full' });
  }
});

test('refused without a length: what has come so far is the body', () => {
  assert.deepEqual(read('HTTP/1.0 404 Not Found\r\n\r\nno'), { kind: 'refused', status: 404, body: 'no' });
  assert.deepEqual(read('HTTP/1.1 404 x\r\nContent-Length: -1\r\n\r\n'), { kind: 'refused', status: 404, body: '' });
  assert.deepEqual(read('HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n'), { kind: 'refused', status: 404, body: '' });
});

test('of a long body 4 KiB are read, of its bytes only what a terminal may be shown', () => {
  const head = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 99999999999999999999\r\n\r\n';
  assert.deepEqual(read(`${head}${'x'.repeat(5000)}`), { kind: 'refused', status: 400, body: 'x'.repeat(4096) });
  assert.deepEqual(read(`${head}${'x'.repeat(4095)}`), { kind: 'need-more' });
  assert.deepEqual(read(`HTTP/1.1 400 x\r\n\r\n${'x'.repeat(5000)}`), {
    kind: 'refused',
    status: 400,
    body: 'x'.repeat(4096),
  });
  const short = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\n';
  assert.deepEqual(read(`${short}a\r\n\tb\x1b[2Jcut`), { kind: 'refused', status: 400, body: 'a\n\tb?[2J' });
});

test('another status than 200, redirects too, is a refusal', () => {
  for (const status of [100, 201, 302, 403]) {
    assert.deepEqual(read(`HTTP/1.1 ${status} x\r\n\r\n`), { kind: 'refused', status, body: '' });
  }
});

for (const wire of [
  'SSH-2.0-OpenSSH\r\n',
  'HTTP/2.0 200 OK\r\n\r\n',
  'HTTP/1.1 2000 OK\r\n\r\n',
  'HTTP/1.1 OK\r\n\r\n',
  'HTTP/1.1\r\n\r\n',
  'HTTP/1.1 200 OK\n\n',
  'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
  `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(9000)}`,
]) {
  test(`not HTTP: ${JSON.stringify(wire.slice(0, 40))}`, () => {
    assert.deepEqual(read(wire), { kind: 'not-http' });
  });
}

test('any bytes: a result, never an exception', () => {
  const part = fc.oneof(fc.constantFrom('HTTP/1.1 ', '200', '\r\n', 'Content-Length: 3'), fc.string({ maxLength: 4 }));
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const reader = new HttpAnswerReader();
      for (const text of parts) if (reader.push(latin1(text)).kind !== 'need-more') return;
    }),
    { numRuns: 200 },
  );
});

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function read(wire: string): HttpAnswerResult {
  return new HttpAnswerReader().push(latin1(wire));
}
