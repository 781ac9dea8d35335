import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatIpv4 } from '../../../../core/index.ts';
import { parseResolvers, resolvers } from '../../../../server/host/network/local.ts';

test('nameserver lines of resolv.conf(5): IPv4, not loopback, not unspecified, nothing in comments', () => {
  const text = [
    '# nameserver 192.0.2.9',
    'nameserver 127.0.0.53',
    'nameserver 0.0.0.0',
    'nameserver 2001:db8::53',
    'nameserver\t192.0.2.1  # the router',
    ' nameserver 192.0.2.8',
    'nameserver 192.0.2.256',
    'nameserver',
    'options edns0',
    'nameserver 192.0.2.2\r',
  ].join('\n');
  assert.deepEqual(parseResolvers(text).map(formatIpv4), ['192.0.2.1', '192.0.2.2']);
});

test('two resolvers at most, each once, from the files in order; a missing file counts as empty', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sstpd-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const [stub, real] = [join(folder, 'a'), join(folder, 'b')];
  await writeFile(stub, 'nameserver 127.0.0.53\nnameserver 192.0.2.7\n');
  await writeFile(real, 'nameserver 192.0.2.7\nnameserver 192.0.2.8\nnameserver 192.0.2.9\n');
  const found = await resolvers([join(folder, 'none'), stub, real]);
  assert.deepEqual(found.map(formatIpv4), ['192.0.2.7', '192.0.2.8']);
  assert.deepEqual(await resolvers([join(folder, 'none')]), []);
});
