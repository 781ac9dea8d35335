import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { ServerCertificate } from '../../../certs/index.ts';
import { OcspStapler } from '../../../server/certificates/ocsp-stapler.ts';
import { temporaryFolder } from '../../certs/support.ts';
import { OcspAuthority } from '../../support/ocsp.ts';
import { RecordingLog } from '../support.ts';

const HOUR_MS = 3_600_000;

interface Place {
  readonly authority: OcspAuthority;
  readonly stapler: OcspStapler;
  readonly log: RecordingLog;
  /** What was given to be stapled. */
  readonly staples: (Buffer | undefined)[];
  /** How the responder answers. */
  behaviour: (request: Buffer, response: ServerResponse) => void;
}

/** A responder that speaks HTTP on a port of its own. */
async function makePlace(t: TestContext): Promise<Place> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      assert.equal(request.method, 'POST');
      assert.equal(request.headers['content-type'], 'application/ocsp-request');
      place.behaviour(Buffer.concat(chunks), response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const authority = new OcspAuthority(temporaryFolder(), 'DNS:vpn.test', `http://127.0.0.1:${port}/`);
  const { leaf, chainPem: certificatePem, keyPem } = authority;
  const certificate: ServerCertificate = { certificatePem, keyPem, leaf, source: 'files', notes: [] };
  const [log, staples] = [new RecordingLog(), [] as (Buffer | undefined)[]];
  const stapler = OcspStapler.for(certificate, { log, changed: (der) => staples.push(der) }) ?? assert.fail();
  const behaviour: Place['behaviour'] = (request, response) => response.end(authority.answer(request));
  const place: Place = { authority, stapler, log, staples, behaviour };
  return place;
}

test('asks at half of the life of the response', async (t) => {
  const { stapler, staples, log } = await makePlace(t);
  const waitMs = await stapler.refresh();
  assert.ok(Math.abs(waitMs - HOUR_MS / 2) < 60_000, `${waitMs}`);
  assert.equal(staples.length, 1);
  assert.equal(log.of('certificate.stapled').length, 1);
});

const FAULTS: readonly [string, Place['behaviour'], RegExp][] = [
  ['an error of HTTP', (_, response) => response.writeHead(503).end('no'), /HTTP status 503/],
  ['a page', (_, response) => response.end('<html>'), /answered something else/],
  ['a redirection', (_, response) => response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end(), /redirect/],
  ['too much', (_, response) => response.end(Buffer.alloc(100_000)), /too large/],
  ['an end', (_, response) => response.destroy(), /./],
];

for (const [name, fault, says] of FAULTS) {
  test(`${name} instead of a response staples nothing, and is told once until there is one`, async (t) => {
    const place = await makePlace(t);
    const { behaviour, stapler, staples, log } = place;
    place.behaviour = fault;
    assert.equal(await stapler.refresh(), 300_000);
    assert.equal(await stapler.refresh(), 600_000);
    const [line = assert.fail(), ...more] = log.of('certificate.no-staple');
    assert.match(String(line.fields.error), says);
    assert.deepEqual(more, []);
    assert.deepEqual(staples, []);
    place.behaviour = behaviour;
    await stapler.refresh();
    assert.equal(staples.length, 1);
    // What is there is good until its end.
    place.behaviour = fault;
    await stapler.refresh();
    assert.equal(log.of('certificate.no-staple').length, 2);
    assert.equal(staples.length, 1);
  });
}

test('after its end, and once the certificate is revoked, a response is stapled no longer', async (t) => {
  const place = await makePlace(t);
  const { authority, behaviour, stapler, staples } = place;
  await stapler.refresh();
  authority.mark('R');
  await stapler.refresh();
  assert.deepEqual(staples.slice(1), [undefined]);
  authority.mark('V');
  await stapler.refresh();
  place.behaviour = (_, response) => response.writeHead(503).end();
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 2 * HOUR_MS });
  await stapler.refresh();
  assert.equal(staples.length, 4);
  assert.equal(staples[3], undefined);
  assert.ok(behaviour);
});

test('a certificate without a responder is left alone', () => {
  const authority = new OcspAuthority(temporaryFolder(), 'DNS:vpn.test');
  const log = new RecordingLog();
  const options = { log, changed: () => assert.fail() };
  const { issuer: leaf, leaf: named, keyPem } = authority;
  const certificate = { certificatePem: leaf.toString(), keyPem, leaf, source: 'files', notes: [] } as const;
  assert.equal(OcspStapler.for(certificate, options), undefined);
  assert.deepEqual(log.lines, []);
  const alone = { ...certificate, leaf: named, certificatePem: named.toString() };
  assert.equal(OcspStapler.for(alone, options), undefined);
  assert.match(String(log.of('certificate.no-staple')[0]?.fields.error), /the chain does not hold the issuer/);
});
