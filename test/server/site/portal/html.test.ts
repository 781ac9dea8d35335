import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { document, escapeHtml, html, PORTAL_HEADERS } from '../../../../server/site/portal/html.ts';
import { homePage, messagePage, signInPage } from '../../../../server/site/portal/pages.ts';
import { FULL, PLAIN, userNames } from '../../../profile/facts.ts';

/** Texts that mean something somewhere in a page. */
const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' autofocus onfocus='alert(1)",
  '</title></style></pre>',
  '<!--',
  '&lt;b&gt;',
  '{{x}}',
  '\u202eevil\u2066',
];

/** Tags and attributes alone: what a browser makes of a page. */
function shapeOf(page: string): string {
  return (page.match(/<[^>]*>/g) ?? []).map((tag) => tag.replace(/"[^"]*"/g, '""')).join('');
}

test('each text is escaped, in tags and in attributes; HTML of ours stays', () => {
  assert.equal(escapeHtml(`<a href="x" title='y'>&`), '&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;');
  assert.equal(html`<p>${'<b>'}${html`<i>${1}</i>`}${[html`a`, html`b`]}</p>`.text, '<p>&lt;b&gt;<i>1</i>ab</p>');
  assert.equal(escapeHtml('a\u202eb\u200bc\u001b\n\t'), 'a&lt;U+202E&gt;b&lt;U+200B&gt;c&lt;U+1B&gt;\n\t');
});

test('no user name, message or network changes the shape of a page', () => {
  const pages = (text: string): string[] => [
    signInPage({ base: '/portal', token: 't', name: text, error: text }),
    messagePage('/portal', text, text),
    homePage({ base: '/portal', token: 't', user: text, facts: { ...PLAIN, user: text, connection: text } }),
    homePage({ base: '/portal', token: 't', user: text, facts: { ...FULL, user: text } }),
    homePage({ base: '/portal', token: 't', user: text, facts: undefined }),
  ];
  const usual = pages('ann').map(shapeOf);
  for (const text of HOSTILE) assert.deepEqual(pages(text).map(shapeOf), usual, text);
  fc.assert(
    fc.property(userNames, (name) => assert.deepEqual(pages(name).map(shapeOf), usual)),
    { numRuns: 30 },
  );
});

test('there is no script, and the style is the one that the policy names', () => {
  const page = document('t', html`<p>x</p>`);
  const style = /<style>(.*)<\/style>/s.exec(page)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = PORTAL_HEADERS['content-security-policy'] ?? '';
  assert.ok(policy.includes(`style-src 'sha256-${hash}'`));
  assert.match(policy, /^default-src 'none';/);
  for (const facts of [PLAIN, FULL]) {
    const home = homePage({ base: '/portal', token: 't', user: 'ann', facts });
    assert.doesNotMatch(home, /<script|\son\w+=|javascript:|style="/i);
  }
});

test('the page has what each client needs', () => {
  const home = homePage({ base: '/vpn', token: 't', user: 'ann', facts: { ...PLAIN, port: 8443 } });
  for (const text of [
    'Signed in as <strong>ann</strong>',
    'vpn.example.com:8443',
    'href="/vpn/files/setup.ps1"',
    'href="/vpn/files/ca.pem"',
    'href="/vpn/files/sstpd.nmconnection"',
    'sudo install -m 644 ca.pem /etc/NetworkManager/sstp-vpn.example.com-ca.pem',
    'sudo nmcli connection modify sstpd +vpn.data password-flags=0 vpn.secrets password=PASSWORD',
    'IFS= read -r p;',
    'all IPv4 goes through the VPN',
    'The VPN has no IPv6, so IPv6 of your own network goes past it.',
    '<code>-CloseIpv6</code>',
    'another account',
    '<code>-CurrentUser</code>',
    'shell:Downloads',
    'macOS, iPhone and iPad',
    '<dt>SSL: SSL Port</dt><dd>8443</dd>',
    '/interface sstp-client add',
    'has not been tried on Windows',
  ]) {
    assert.ok(home.includes(text), text);
  }
  assert.ok(!homePage({ base: '/vpn', token: 't', user: 'ann', facts: FULL }).includes('ca.pem'));
  const withIpv6 = homePage({ base: '/vpn', token: 't', user: 'ann', facts: { ...PLAIN, hasIpv6: true } });
  assert.ok(withIpv6.includes('all of it goes through the VPN'));
  for (const page of [withIpv6, homePage({ base: '/vpn', token: 't', user: 'ann', facts: FULL })]) {
    assert.doesNotMatch(page, /has no IPv6|CloseIpv6/);
    assert.equal(page.includes('With NetworkManager that of your own network goes past'), page === withIpv6);
  }
});
