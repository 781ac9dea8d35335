import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeTokens } from '../../../../server/observe/doctor/tokens.ts';

test('tokens that never expire are named, a few of many, and nothing else is', () => {
  const one = (id: string, expiresAt?: Date) => ({ id, name: `of-${id}`, expiresAt });
  assert.equal(judgeTokens([]).result, 'ok');
  assert.equal(judgeTokens([one('a', new Date(0)), one('b', new Date('2100-01-01'))]).result, 'ok');
  const { result, text, fix } = judgeTokens([one('a', new Date(0)), one('b')]);
  assert.deepEqual([result, /of-b \(b\);/.test(text), text.includes('of-a')], ['warning', true, false]);
  assert.match(fix ?? '', /token remove ID/);
  assert.match(judgeTokens(Array.from({ length: 9 }, (_, i) => one(String(i)))).text, /of-4 \(4\) and 4 more;/);
});
