/** Session tickets whose key changes: they are read for as long as the key is kept, by each process that has it. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { connect } from 'node:tls';
import { createServerTls, type TlsServerContext } from '../../tls/index.ts';
import { authority, certificate, Harness } from './support.ts';

const shown = certificate();
const byName = { names: [], others: [{ ...certificate(), names: ['vpn.test'] }] };
const keys = (count: number): Buffer => randomBytes(48 * count);
const context = (...ticketKeys: Buffer[]): TlsServerContext =>
  createServerTls(shown, { minVersion: 'TLSv1.2', ticketKeys: Buffer.concat(ticketKeys) });
const named = (...ticketKeys: Buffer[]): TlsServerContext =>
  createServerTls(shown, { minVersion: 'TLSv1.2', ticketKeys: Buffer.concat(ticketKeys), byName });

interface Visit {
  readonly isReused: boolean;
  /** With the ticket that the server gave. */
  session(): Promise<Buffer>;
}

/** One connection, to resume a session if there is one. */
async function visit(harness: Harness, version: 'TLSv1.2' | 'TLSv1.3', session?: Buffer): Promise<Visit> {
  const client = connect({
    ...{ host: '127.0.0.1', port: harness.address.port, servername: 'vpn.test', ca: authority.certificatePem },
    ...{ minVersion: version, maxVersion: version },
    ...(session === undefined ? {} : { session }),
  });
  after(() => client.destroy());
  const given = once(client, 'session');
  given.catch(() => {});
  const [connected] = await Promise.all([harness.connections.next(), once(client, 'secureConnect')]);
  const isReused = client.isSessionReused();
  // Of a session that resumes the client has no certificate to show in TLS 1.2.
  const shown = client.getPeerX509Certificate()?.raw;
  if (shown !== undefined) {
    assert.deepEqual(connected.hashes.sha256, createHash('sha256').update(shown).digest());
    bound = connected.hashes.sha256;
  }
  assert.deepEqual(connected.hashes.sha256, bound, 'as at first');
  // OpenSSL's client tells of a ticket that came with a session that resumes in TLS 1.3 alone.
  const renewed = version === 'TLSv1.2' && isReused ? client.getSession() : undefined;
  return { isReused, session: async () => renewed ?? ((await given)[0] as Buffer) };
}

let bound: Buffer | undefined;

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const [how, make] of [
    ['one certificate', context],
    ['a certificate by name', named],
  ] as const) {
    test(`${version}, ${how}: a session resumes across one change of the key, in each process, and not across two`, async () => {
      const [first, second, third] = [keys(1), keys(1), keys(1)];
      const workers = [await new Harness(make(first)).start(), await new Harness(make(first)).start()] as const;
      const change = (...now: Buffer[]): void => {
        for (const worker of workers) worker.listener.setContext(make(...now));
      };
      const session = await (await visit(workers[0], version)).session();
      assert.equal((await visit(workers[1], version, session)).isReused, true, 'the same day');

      change(second, first);
      const renewed = await visit(workers[1], version, session);
      assert.equal(renewed.isReused, true, 'the next day');

      change(third, second);
      assert.equal((await visit(workers[0], version, session)).isReused, false, 'its key is gone');
      const instead = await renewed.session();
      assert.equal((await visit(workers[0], version, instead)).isReused, true, 'the ticket that came in its place');
      const newest = await (await visit(workers[0], version)).session();
      change(third);
      assert.equal((await visit(workers[1], version, newest)).isReused, true, 'made with the newest key');
    });
  }

  test(`${version}: a ticket under a key that is not ours ends in a whole handshake`, async () => {
    const [first, second] = [keys(1), keys(1)];
    const harness = await new Harness(context(second, first)).start();
    const other = await new Harness(context(keys(1))).start();
    const foreign = await (await visit(other, version)).session();
    assert.equal((await visit(harness, version, foreign)).isReused, false);
    const session = await (await visit(harness, version)).session();
    assert.equal((await visit(harness, version, session)).isReused, true);
  });
}
