import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Attack, Hold } from '../../../auth/index.ts';
import { attackFields, explainHold, holdFields } from '../../../auth/throttle/hold-text.ts';

const HOLD: Hold = { cause: 'strangers', of: 'alice', at: '203.0.113.9', failures: 31, ms: undefined, lots: 2 };

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

/** What is told of each limit: by explain, in the line of the log, and of an attack. */
const LIMITS: readonly (readonly [
  limit: Attack['limit'],
  at: string,
  text: RegExp,
  fix: RegExp,
  held: Readonly<Record<string, unknown>>,
  attack: Readonly<Record<string, unknown>>,
])[] = [
  [
    'strangers',
    '203.0.113.9',
    /because the name is under attack, with 31 failures from addresses that never logged in as "alice": 2 networks wait for a turn, of which there is one a minute/,
    /^Dial again: .* Or sign in to the portal first.*; or sstpd throttle lift alice --for 10m\.$/,
    { attacked: 'alice', networks: 2 },
    { user: 'alice', networks: 7 },
  ],
  [
    'known-address',
    '198.51.100.7',
    /because of 31 failures as "alice" from 198\.51\.100\.7, from where that user logged in before: there is one try in 10 s/,
    /let the address pass: sstpd throttle lift 198\.51\.100\.7\.$/,
    { attacked: 'alice', from: '198.51.100.7' },
    { user: 'alice', from: '198.51.100.7' },
  ],
  [
    'lifted-name',
    '203.0.113.9',
    /because of 31 failures as "alice" from 203\.0\.113\.9 while that name is let pass: there is one try in 10 s from each address/,
    /let the address pass: sstpd throttle lift 203\.0\.113\.9\.$/,
    { attacked: 'alice', from: '203.0.113.9' },
    { user: 'alice', from: '203.0.113.9' },
  ],
  [
    'known-browser',
    '203.0.113.9',
    /because of 31 failures as "alice" in this browser, which logged in before: there is one try in 10 s/,
    /let the address pass: sstpd throttle lift 203\.0\.113\.9\.$/,
    { attacked: 'alice', from: '203.0.113.9' },
    { user: 'alice' },
  ],
  [
    'loopback-name',
    '127.0.0.1',
    /because of 31 failures as "alice" on loopback, and everybody who comes through .* no PROXY header, is 127\.0\.0\.1: there is one try at this name in 10 s/,
    /^Have the proxy on this host send the PROXY header, .*docs\/one-port\.md\)\. Or let everybody there pass: sstpd throttle lift 127\.0\.0\.1\.$/,
    { attacked: 'alice' },
    { user: 'alice', from: '127.0.0.1' },
  ],
  [
    'loopback',
    '127.0.0.1',
    /because of 31 failures on loopback at whatever names, and everybody who comes through .* no PROXY header, is 127\.0\.0\.1: 2 names wait for a turn, of which there is one a second/,
    /^Have the proxy on this host send the PROXY header, .*docs\/one-port\.md\)\. Dial again: .* Or let the name pass: sstpd throttle lift alice --for 10m\.$/,
    { names: 2 },
    { user: undefined, from: '127.0.0.1', names: 7 },
  ],
];

for (const [cause, at, text, fix, held, attack] of LIMITS) {
  test(`${cause}: explain says whose guesses are used up, and what mends it; so do the log and the event of an attack`, () => {
    const hold: Hold = { ...HOLD, cause, at };
    const explained = explainHold({ hold, ms: 12_000, hasLeft: true });
    assert.match(explained.text, text);
    assert.match(explained.text, /^The login was held back 12 s because .*, and the client hung up after 12 s\.$/);
    assert.match(explained.fix, fix);
    assert.equal(explained.text.includes('never logged in'), cause === 'strangers');
    const mend = cause.startsWith('loopback') ? { mend: /proxy\.from \(docs\/one-port\.md\)$/ } : {};
    const [{ mend: heldMend, ...heldFields }, { mend: attackMend, ...attackFields }] = [
      holdFields(hold, 12_000),
      attackFieldsOf({ cause, at }),
    ];
    assert.deepEqual(heldFields, { delayMs: 12_000, failures: 31, limit: cause, ...held });
    const expected = { user: 'alice', realm: 'vpn', limit: cause, failures: 30, seconds: 2, ...attack };
    assert.deepEqual(JSON.parse(JSON.stringify(attackFields)), JSON.parse(JSON.stringify(expected)));
    for (const said of [heldMend, attackMend]) {
      if (mend.mend === undefined) assert.equal(said, undefined);
      else assert.match(String(said), mend.mend);
    }
  });
}

function attackFieldsOf({ cause, at }: { cause: Attack['limit']; at: string }): ReturnType<typeof attackFields> {
  const user = cause === 'loopback' ? undefined : 'alice';
  const of = cause === 'strangers' || cause === 'known-browser' ? undefined : at;
  return attackFields({ realm: 'vpn', user, limit: cause, at: of, failures: 30, others: 7, ms: 2_000 });
}
