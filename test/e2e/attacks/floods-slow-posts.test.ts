/** Somebody posts forms that never come: to the web site behind the port, and in the way of honest clients. */
// Needs: ping, curl
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FloodLab } from '../../support/flood-lab.ts';
import { tunMissing } from '../../support/netns.ts';
import { SstpdProcess } from '../../support/sstpd-process.ts';
import { SERVER } from '../../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

/** So that it is the bodies that are too slow, and not the connections too many. */
const LARGE = { SSTPD_LIMITS_UNAUTHENTICATED: '4000', SSTPD_LIMITS_UNAUTHENTICATED_PER_ADDRESS: '2000' };

/** Says how long the body was. */
const SITE = `require('http').createServer((request, response) => {
  let length = 0;
  request.on('data', (chunk) => { length += chunk.length; }).on('end', () => response.end('had ' + length));
}).listen(8080, '${SERVER}', () => console.log('ready'))`;

test('150 bodies that do not come take no place of the site; a page, and a slow mobile upload, arrive', {
  skip,
}, async (t) => {
  const lab = await FloodLab.create({ args: ['--fallback', `http://${SERVER}:8080`], env: LARGE });
  t.after(() => lab.destroy());
  await new SstpdProcess(lab.vpn.server, [process.execPath, '-e', SITE]).printed(/^ready$/);
  const end = await lab.flood({ kind: 'slow POSTs', shape: '16 addresses', rate: 50, seconds: 30 });
  const curl = (...args: string[]): Promise<string> =>
    lab.vpn.client(1).run('curl', ['-sk', '--max-time', '25', ...args, `https://${SERVER}/`]);
  // 8 KB/s for longer than the time in which a least rate is looked at.
  const file = lab.vpn.file('upload', 'x'.repeat(100_000));
  const [page, upload] = await Promise.all([curl(), curl('--limit-rate', '8000', '--data-binary', `@${file}`)]);
  assert.deepEqual([page, upload], ['had 0', 'had 100000']);
  const fresh = await lab.clean('new', 5, 5);
  const { opened } = await end();
  assert.deepEqual([fresh.failures, fresh.inAtFirst], [{}, 5]);
  assert.ok(opened > 150, `${opened} requests`);
});
