import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../../server/config/index.ts';
import { examineFrontend } from '../../../../server/observe/doctor/doctor.ts';

test('a port without TLS is fine on a loopback address and a warning on any other', () => {
  const flags = {
    'offload.listen': ['127.0.0.1:1', '[::1]:2', '192.0.2.1:3', '4'],
    'offload.certSha256': 'ab'.repeat(32),
  };
  const findings = examineFrontend(loadConfig({ flags, env: {} }).config);
  assert.deepEqual(
    findings.map(({ result }) => result),
    ['ok', 'ok', 'warning', 'warning'],
  );
  assert.deepEqual(examineFrontend(loadConfig({ flags: {}, env: {} }).config), []);
});
