import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node, Tree } from 'web-tree-sitter';
import { type ProfileFacts, profileFile, runDownloaded, windowsPaste } from '../../profile/index.ts';
import { CA_PEM, FULL, PLAIN, userNames } from './facts.ts';
import { faultsOf, nodesOf, parsePowershell, readLiteral } from './powershell.ts';
import { CMDLETS } from './powershell-cmdlets.ts';

const VARIANTS: readonly ProfileFacts[] = [
  PLAIN,
  FULL,
  { ...PLAIN, routes: ['10.0.0.0/8'], alwaysOn: true, dnsSuffix: 'example.com', dns: [] },
  { ...FULL, caPem: CA_PEM, routes: [], alwaysOn: false },
  { ...FULL, caPem: CA_PEM, routes: [], hasIpv6: false },
];

function scriptOf(facts: ProfileFacts): string {
  return profileFile('ps1', facts).text.slice(1);
}

function ofType(tree: Tree, type: string): Node[] {
  return [...nodesOf(tree)].filter((node) => node.type === type);
}

/** Each call with its parameters; pieces of pipelines are calls of their own. */
function callsIn(tree: Tree): { readonly name: string; readonly parameters: readonly string[] }[] {
  return ofType(tree, 'command').map((node) => ({
    name: node.childForFieldName('command_name')?.text ?? '',
    parameters: (node.childForFieldName('command_elements')?.children ?? [])
      .filter((child) => child?.type === 'command_parameter')
      .map((child) => (child?.text ?? '').replace(/^-|:$/g, '')),
  }));
}

/** What is assigned to a variable by a literal, at the top of the script. */
function assigned(tree: Tree, variable: string): string {
  const found = ofType(tree, 'assignment_expression').filter((node) => node.text.startsWith(`${variable} = `));
  assert.equal(found.length, 1, variable);
  return readLiteral(found[0]?.text.slice(variable.length + 3) ?? '');
}

test('PowerShell parses without an error or anything missing, whatever is configured', () => {
  for (const facts of VARIANTS) {
    assert.deepEqual(faultsOf(parsePowershell(scriptOf(facts))), []);
    assert.deepEqual(faultsOf(parsePowershell(windowsPaste(facts).join('\n'))), []);
  }
});

test('each cmdlet and parameter is one that Microsoft documents; the others are functions of the script', () => {
  for (const facts of VARIANTS) {
    for (const text of [scriptOf(facts), windowsPaste(facts).join('\n')]) {
      const tree = parsePowershell(text);
      const own = new Set(ofType(tree, 'function_name').map((node) => node.text));
      const calls = callsIn(tree);
      assert.ok(calls.length > 0);
      for (const { name, parameters } of calls) {
        if (own.has(name)) continue;
        const known = CMDLETS.get(name) ?? assert.fail(`${name} is not on the list`);
        for (const parameter of parameters) assert.ok(known.has(parameter), `${name} -${parameter}`);
      }
    }
  }
});

test('one statement a line', () => {
  for (const facts of VARIANTS) {
    for (const line of scriptOf(facts).split('\r\n')) {
      const code = line.replace(/'(?:[^']|'')*'/g, "''");
      if (!code.trim().startsWith('#')) assert.doesNotMatch(code, /;/, line);
    }
  }
});

test('no name adds a statement, and each comes back as it was', () => {
  const shapeOf = (tree: Tree): string => JSON.stringify([callsIn(tree), [...nodesOf(tree)].length]);
  const usual = shapeOf(parsePowershell(scriptOf(PLAIN)));
  fc.assert(
    fc.property(userNames, userNames, (user, connection) => {
      const tree = parsePowershell(scriptOf({ ...PLAIN, user, connection }));
      assert.deepEqual(faultsOf(tree), []);
      assert.equal(shapeOf(tree), usual);
      assert.equal(assigned(tree, '$UserName'), user);
      assert.equal(assigned(tree, '$Name'), connection);
    }),
    { numRuns: 50 },
  );
});

test('nothing of the configuration or the user stands outside a string', () => {
  const marked = {
    ...FULL,
    user: 'MARKuser',
    connection: 'MARKname',
    host: 'markhost.example',
    dnsSuffix: 'marksuffix',
  };
  const tree = parsePowershell(scriptOf(marked));
  const outside = [...nodesOf(tree)].filter(
    (node) => node.childCount === 0 && /mark/i.test(node.text) && !/^'/.test(node.text),
  );
  assert.deepEqual(
    outside.map((node) => node.text),
    [],
  );
});

test('the authority is imported into the store of the machine, and its thumbprint is that of the certificate', () => {
  const text = scriptOf(PLAIN);
  const base64 = [...text.matchAll(/^\$CaBase64 \+= '([^']+)'/gm)].map((match) => match[1]).join('');
  const certificate = new X509Certificate(Buffer.from(base64, 'base64'));
  assert.equal(certificate.fingerprint, new X509Certificate(CA_PEM).fingerprint);
  const thumbprint = createHash('sha1').update(certificate.raw).digest('hex').toUpperCase();
  assert.equal(assigned(parsePowershell(text), '$CaThumbprint'), thumbprint);
  assert.match(text, /Import-Certificate -FilePath \$file -CertStoreLocation Cert:\\LocalMachine\\Root/);
  assert.doesNotMatch(scriptOf(FULL), /CaThumbprint|Import-Certificate/);
});

test('routes and split tunnelling go together', () => {
  assert.doesNotMatch(scriptOf(PLAIN), /VpnConnectionRoute -ConnectionName \$Name -DestinationPrefix '\d+\./);
  assert.match(scriptOf(PLAIN), /Set-VpnConnection .* -SplitTunneling \$false /);
  assert.match(scriptOf(FULL), /Add-VpnConnection .* -SplitTunneling /);
  for (const route of FULL.routes) assert.ok(scriptOf(FULL).includes(`-DestinationPrefix '${route}' `), route);
});

test('a trigger by name needs DNS servers, and the phone book of the user', () => {
  assert.match(scriptOf(FULL), /-DnsSuffix '\.corp\.example\.com' -DnsIPAddress '10\.0\.0\.53', '10\.0\.0\.54' -Force/);
  assert.doesNotMatch(scriptOf({ ...FULL, dns: [] }), /DnsIPAddress/);
  for (const facts of [PLAIN, { ...FULL, dns: [] }]) assert.match(scriptOf(facts), /Nothing makes Windows connect/);
  assert.doesNotMatch(scriptOf(FULL), /Nothing makes Windows connect/);
  assert.match(scriptOf(FULL), /^ {4}\[switch\]\$AlwaysOn = \$true,\r$/m);
  assert.match(scriptOf(PLAIN), /^ {4}\[switch\]\$AlwaysOn,\r$/m);
  assert.doesNotMatch(scriptOf(FULL), /Trigger\w+ [^\r]*-AllUserConnection/);
});

test('IPv6 goes into the VPN on demand, and is warned of, where all traffic is to take it and it has none', () => {
  const halves = /-DestinationPrefix '::\/1' [^\r]*\r\n[^\r]* -DestinationPrefix '8000::\/1' /;
  assert.match(scriptOf(PLAIN), halves);
  assert.match(scriptOf(PLAIN), /^ {4}\[switch\]\$CloseIpv6,\r$/m);
  assert.match(scriptOf(PLAIN), /Write-Warning 'The VPN has no IPv6, [^']* -CloseIpv6 /);
  for (const facts of [{ ...PLAIN, hasIpv6: true }, { ...PLAIN, routes: ['10.0.0.0/8'] }, FULL]) {
    assert.doesNotMatch(scriptOf(facts), /::\/1|CloseIpv6|has no IPv6/);
  }
});

test('-Uninstall clears what Windows saved of the login before the connection goes', () => {
  const text = scriptOf(PLAIN);
  assert.match(text, /Remove-SavedCredential -AllUsers \$allUsers\r\n +Remove-VpnConnection /);
  // sizeof(RASCREDENTIALSW): two DWORDs, UNLEN + 1, PWLEN + 1 and DNLEN + 1 characters (ras.h, lmcons.h).
  assert.match(text, /-ArgumentList 1068\r/);
  assert.match(text, /EntryPoint = "RasSetCredentialsW"/);
});

test('who it is set up for is said first, and warned of where an administrator runs it for one account', () => {
  const text = scriptOf(PLAIN);
  assert.ok(text.indexOf('Who runs it matters.') < text.indexOf('param('));
  const calls = [
    'Write-Account -ForEverybody $everybody',
    '\r\nInstall-CertificateAuthority',
    'Install-Connection -AllUsers $everybody',
  ];
  const places = calls.map((call) => text.indexOf(call));
  assert.deepEqual(
    places.toSorted((a, b) => a - b),
    places,
  );
  assert.ok(places.every((place) => place > 0));
});

test('the line that runs a download asks Windows where downloads are', () => {
  const line = runDownloaded('setup.ps1');
  const tree = parsePowershell(line);
  assert.deepEqual(faultsOf(tree), []);
  assert.match(line, /NameSpace\('shell:Downloads'\)/);
  assert.doesNotMatch(line, /\$HOME/);
  const calls = callsIn(tree).filter(({ name }) => name !== 'powershell');
  assert.deepEqual(calls, [{ name: 'New-Object', parameters: ['ComObject'] }]);
  assert.ok(CMDLETS.get('New-Object')?.has('ComObject'));
});
