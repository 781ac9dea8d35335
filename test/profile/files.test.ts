import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { caFile, PROFILE_FORMATS, profileFile, profileFiles } from '../../profile/index.ts';
import { CA_PEM, FULL, PLAIN } from './facts.ts';
import { CASES, GOLDEN } from './golden.ts';

for (const [name, facts] of Object.entries(CASES)) {
  test(`${name}: each file is the one in test/profile/golden (node test/profile/golden.ts writes them)`, () => {
    const files = profileFiles(facts);
    assert.deepEqual(readdirSync(join(GOLDEN, name)).sort(), files.map((file) => file.name).sort());
    for (const file of files) assert.equal(file.text, readFileSync(join(GOLDEN, name, file.name), 'utf8'), file.name);
  });
}

test('ca.pem goes along where the authority is ours, and there alone', () => {
  assert.deepEqual(caFile(PLAIN)?.text, CA_PEM);
  assert.equal(caFile(FULL), undefined);
});

test('Windows files have its line ends, and PowerShell the mark of UTF-8, without which 5.1 reads another code page', () => {
  for (const format of ['ps1', 'pbk'] as const) {
    const { text } = profileFile(format, FULL);
    assert.doesNotMatch(text, /[^\r]\n|\r[^\n]/, format);
  }
  assert.ok(profileFile('ps1', FULL).text.startsWith('\ufeff'));
  assert.ok(!profileFile('pbk', FULL).text.startsWith('\ufeff'));
});

test('the best method that the server has is the one that each client is told', () => {
  const chap = { ...PLAIN, methods: ['chap', 'pap'] } as const;
  assert.match(profileFile('ps1', chap).text, / -AuthenticationMethod Chap /);
  assert.match(profileFile('pbk', chap).text, /^AuthRestrictions=40\r$/m);
  assert.match(profileFile('nm', chap).text, /^refuse-mschapv2=yes$/m);
  assert.doesNotMatch(profileFile('nm', chap).text, /^refuse-(?:chap|pap)/m);
  assert.match(profileFile('sstpc', chap).text, / noauth refuse-mschap refuse-mschap-v2 refuse-eap \\$/m);
  assert.match(profileFile('routeros', chap).text, / authentication=chap,pap /);
  assert.match(profileFile('android', chap).text, /Protocols +PAP$/m);
  assert.match(profileFile('android', { ...PLAIN, methods: ['chap'] }).text, /none that this server takes \(chap\)$/m);
});

test('no format offers what the server has not: EAP is refused wherever a client could choose it', () => {
  for (const format of PROFILE_FORMATS) assert.doesNotMatch(profileFile(format, FULL).text, /EapConfig|<Eap/);
});
