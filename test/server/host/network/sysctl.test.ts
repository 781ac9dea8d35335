import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSysctl, sysctlName, writeSysctl } from '../../../../server/host/network/sysctl.ts';

test('names as sysctl(8) takes them, an interface with a dot in its name included', () => {
  assert.equal(sysctlName('net/ipv4/ip_forward'), 'net.ipv4.ip_forward');
  assert.equal(sysctlName('net/ipv6/conf/eth0.100/accept_ra'), 'net.ipv6.conf.eth0/100.accept_ra');
});

test('a setting that this kernel lacks is absent, not an error', async () => {
  assert.equal(await readSysctl('net/ipv4/no_such_setting'), undefined);
  assert.equal(await writeSysctl('net/ipv4/no_such_setting', '1'), 'absent');
});

test('a setting that has the value already is not written', async () => {
  const value = (await readSysctl('kernel/ostype')) ?? assert.fail();
  assert.equal(await writeSysctl('kernel/ostype', value), 'unchanged');
});

test('a setting that cannot be written is refused, not an error', async () => {
  assert.equal(await writeSysctl('kernel/ostype', 'Other'), 'refused');
});
