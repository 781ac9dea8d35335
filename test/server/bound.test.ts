import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bound } from '../../server/bound.ts';
import { loadConfig } from '../../server/index.ts';

test('who asks before the server listens gets the port that is configured, and afterwards the one that it has', () => {
  const { config } = loadConfig({ flags: { listen: ['127.0.0.1:9443', '[::1]:9444'] }, env: {} });
  const bound = new Bound(config);
  assert.deepEqual([bound.port, bound.listening], [9443, []]);
  bound.take([
    { address: '127.0.0.1', port: 40_001, family: 'IPv4' },
    { address: '::1', port: 40_002, family: 'IPv6' },
  ]);
  assert.deepEqual([bound.port, bound.listening], [40_001, ['127.0.0.1:40001', '[::1]:40002']]);
});
