import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Hold } from '../../auth/index.ts';
import { explainHold } from '../../server/hold-text.ts';

const HOLD: Hold = { cause: 'name', of: 'alice', failures: 31, ms: undefined, networks: 2 };

function fixOf(of: string): string {
  return explainHold({ hold: { ...HOLD, of }, ms: 1_000, hasLeft: false }).fix;
}

test('the command that lets a name pass is one for the shell, whatever somebody made the name of', () => {
  assert.ok(fixOf('alice').endsWith('; or sstpd throttle lift alice --for 10m.'));
  assert.ok(fixOf('$(reboot)').endsWith("; or sstpd throttle lift '$(reboot)' --for 10m."));
  assert.ok(fixOf("x'; reboot; '").endsWith("; or sstpd throttle lift 'x'\\''; reboot; '\\''' --for 10m."));
  assert.ok(fixOf('--data=/tmp').endsWith('; or sstpd throttle lift --for 10m -- --data=/tmp.'));
  assert.ok(fixOf('').endsWith('; or sstpd throttle lift NAME --for 10m.'), 'or it would forget all failures');
  for (const hidden of ['a\u202eb', 'a\nreboot', 'a\u001b[2J', 'a\u200bb', 'a\u2028b']) {
    assert.ok(fixOf(hidden).endsWith('; or sstpd throttle lift NAME --for 10m.'), JSON.stringify(hidden));
  }
});

test('a shell reads the name out of that command as it was, and nothing else', () => {
  const unit = fc.constantFrom(
    'a',
    '-',
    "'",
    '"',
    '$',
    '(',
    ')',
    '`',
    ';',
    ' ',
    '\\',
    '\n',
    '!',
    '~',
    '*',
    'é',
    '\u202e',
  );
  fc.assert(
    fc.property(fc.string({ unit, minLength: 1, maxLength: 12 }), (name) => {
      const command = fixOf(name).replace(/^.*; or sstpd throttle lift (.*)\.$/s, '$1');
      const { stdout } = spawnSync('sh', ['-c', `printf '%s\\0' ${command}`], { encoding: 'utf8' });
      const words = stdout.split('\0').slice(0, -1);
      const isReadable = !/[\n\u202e]/.test(name);
      const given = isReadable ? name : 'NAME';
      assert.deepEqual(
        words,
        name.startsWith('-') && isReadable ? ['--for', '10m', '--', given] : [given, '--for', '10m'],
      );
    }),
    { numRuns: 100 },
  );
});

test('in the sentence a name is quoted, and nothing in it hides or turns the writing round', () => {
  const { text } = explainHold({ hold: { ...HOLD, of: 'a\u202e". b\u001b' }, ms: 1_000, hasLeft: true });
  assert.ok(text.includes('that never logged in as "a\\u{202e}\\u{22}. b\\u{1b}": 2 networks'), text);
});

test('an address can be lifted as it is written there; of a wider network all that helps is to forget', () => {
  const fix = (of: string): string =>
    explainHold({ hold: { ...HOLD, cause: 'address', of, ms: 2_000 }, ms: 1_000, hasLeft: false }).fix;
  assert.match(fix('192.0.2.7'), /: sstpd throttle lift 192\.0\.2\.7\.$/);
  assert.match(fix('2001:db8:1:2::/64'), /: sstpd throttle lift 2001:db8:1:2::\/64\.$/);
  assert.match(fix('2001:db8:1::/48'), /forget all failures: sstpd throttle lift\.$/);
});
