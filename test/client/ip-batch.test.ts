// Needs: ip
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { IpBatch } from '../../client/ip-batch.ts';

const skip = spawnSync('ip', ['-V']).error === undefined ? false : 'the command ip is missing';

test('a batch without a word is done', { skip }, async () => {
  await new IpBatch().end();
});

test('what fails is named, whatever stood before it', { skip }, async () => {
  const batch = new IpBatch();
  batch.add('link', 'show', 'dev', 'lo');
  batch.add('link', 'set', 'dev', 'sstpnone', 'up');
  batch.add('link', 'show', 'dev', 'lo');
  await assert.rejects(batch.end(), { message: 'ip link set dev sstpnone up: Cannot find device "sstpnone"' });
});

test('a process that has given up long ago is no fault of the next line', { skip }, async () => {
  const batch = new IpBatch();
  batch.add('nonsense');
  await new Promise((resolve) => setTimeout(resolve, 100));
  batch.add('link', 'show');
  await assert.rejects(batch.end(), /^Error: ip nonsense: Object "nonsense" is unknown/);
});
