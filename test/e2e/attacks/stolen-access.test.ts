/** Who has stolen an admin's session once: what he made with it ends with the password. The operator's own tokens go on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdminApi } from '../../support/admin-api.ts';
import { tunMissing } from '../../support/netns.ts';
import { SERVER, VpnLab } from '../../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
const PASSWORD = 'what ann chose';

test('tokens made with a stolen session end with the password; those made on the machine go on', {
  skip,
}, async (t) => {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  const server = await lab.serve({ args: ['--admin', `${SERVER}:8443`] });
  await server.must(['admin', 'add', 'ann', '--password-stdin'], PASSWORD);
  const operators = JSON.parse(await server.must(['token', 'add', 'prometheus', '--scope', 'read', '--json']));

  const thief = await AdminApi.at(lab);
  await thief.login('ann', PASSWORD);
  const wish = { name: 'mine', scopes: ['read', 'admin'] };
  for (const expiresInDays of [367, 3650, 'never', null]) {
    assert.equal((await thief.ask('POST', '/v1/tokens', { body: { ...wish, expiresInDays } })).status, 400);
  }
  const { body: stolen } = await thief.ask('POST', '/v1/tokens', { body: wish });
  assert.ok(Date.parse(stolen.expiresAt) - Date.now() <= 90 * 86_400_000);
  thief.headers = { authorization: `Bearer ${stolen.token}` };
  const { body: second } = await thief.ask('POST', '/v1/tokens', { body: { ...wish, expiresInDays: 366 } });
  assert.equal(second.expiresAt, stolen.expiresAt, 'a token makes none that lasts longer than itself');

  const said = await server.must(['admin', 'passwd', 'ann', '--password-stdin'], 'what ann chose then');
  assert.match(said, /The 2 tokens made in its logins ended\./);
  for (const { token } of [stolen, second]) {
    thief.headers = { authorization: `Bearer ${token}` };
    assert.equal((await thief.ask('GET', '/v1/status')).status, 401);
  }
  thief.headers = { authorization: `Bearer ${operators.token}` };
  assert.equal((await thief.ask('GET', '/v1/status')).status, 200);
  const doctor = async (): Promise<string> => (await server.run(['doctor'])).stdout;
  assert.doesNotMatch(await doctor(), /never expire/);
  await server.must(['token', 'add', 'old', '--scope', 'metrics', '--days', 'never']);
  assert.match(await doctor(), /warning +API tokens +never expire: old \([0-9a-f]{12}\)/);
  await server.stop();
});
