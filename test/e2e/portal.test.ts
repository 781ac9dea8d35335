/** The user portal on the VPN port, asked by curl through real TLS, in front of each fallback. */
// Needs: curl
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import { SSTPD, SstpdProcess } from '../support/sstpd-process.ts';
import { PASSWORD, SERVE_ARGS, SERVER, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

async function makeLab(t: TestContext, clients = 1): Promise<VpnLab> {
  const lab = await VpnLab.create({ clients });
  t.after(() => lab.destroy());
  return lab;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** curl with a jar for cookies, which fills in the form that it was last shown. */
class Browser {
  readonly #lab: VpnLab;
  readonly #from: number;
  readonly #jar: string;
  #token = '';

  constructor(lab: VpnLab, name: string, from = 0) {
    this.#lab = lab;
    this.#from = from;
    this.#jar = join(lab.folder, `${name}.jar`);
  }

  async get(path: string, ...more: string[]): Promise<Answer> {
    const jar = ['-b', this.#jar, '-c', this.#jar];
    const check = ['--cacert', join(this.#lab.data, 'ca.pem')];
    const args = ['-s', '--path-as-is', ...check, ...jar, '-w', '%{stderr}%{http_code}', ...more];
    const { code, stdout, stderr } = await this.#lab
      .client(this.#from)
      .exec('curl', [...args, `https://${SERVER}${path}`]);
    if (code !== 0) throw new Error(`curl: ${code} ${stderr}`);
    this.#token = /name="token" value="([^"]+)"/.exec(stdout)?.[1] ?? this.#token;
    return { status: Number(stderr.slice(-3)), body: stdout };
  }

  submit(action: string, fields: Readonly<Record<string, string>> = {}, ...more: string[]): Promise<Answer> {
    const all = Object.entries({ token: this.#token, ...fields });
    const form = all.flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]);
    return this.get(`/portal/${action}`, ...form, ...more);
  }

  /** @returns with how long it took */
  async signIn(name: string = USER, password: string = PASSWORD): Promise<Answer & { readonly ms: number }> {
    await this.get('/portal');
    const startedAt = performance.now();
    const answer = await this.submit('sign-in', { name, password });
    return { ...answer, ms: performance.now() - startedAt };
  }

  async isIn(): Promise<boolean> {
    return /Signed in as/.test((await this.get('/portal')).body);
  }
}

for (const workers of ['1', '2']) {
  test(`sign in, fetch what sstpd profile makes, and lose it all again, with ${workers} processes`, {
    skip,
  }, async (t) => {
    const lab = await makeLab(t);
    const args = ['--workers', workers, '--profile-name', "Ann's", '--profile-route', '10.0.0.0/8'];
    const server = await lab.serveAnn({ args });
    const browser = new Browser(lab, 'ann');
    assert.equal((await browser.signIn()).status, 303);
    // Each request is a connection of its own, to whichever worker.
    for (let i = 0; i < 8; i += 1) assert.ok(await browser.isIn());
    const out = join(lab.folder, 'files');
    const paths = (await server.must(['profile', USER, '--out', out])).trim().split('\n');
    assert.equal(paths.length, 7);
    for (const path of paths) {
      const { status, body } = await browser.get(`/portal/files/${path.slice(out.length + 1)}`);
      assert.equal(status, 200);
      assert.equal(body, readFileSync(path, 'utf8'), path);
    }
    const script = readFileSync(join(out, 'setup.ps1'), 'utf8');
    for (const text of ["$Name = 'Ann''s'", `$Server = '${SERVER}'`, `$UserName = '${USER}'`, "'10.0.0.0/8'"]) {
      assert.ok(script.includes(text), text);
    }
    assert.match(await sha256(lab), new RegExp(/^\$CertificateSha256 = '(\w+)'/m.exec(script)?.[1] ?? 'none'));

    await server.must(['user', 'disable', USER]);
    assert.equal(await browser.isIn(), false);
    assert.equal((await browser.get('/portal/files/setup.ps1')).status, 303);
    assert.equal((await browser.signIn()).status, 403);
    await server.must(['user', 'enable', USER]);
    assert.equal((await browser.signIn()).status, 303);
    await server.must(['user', 'passwd', USER, '--password-stdin'], 'another of ann');
    assert.equal(await browser.isIn(), false);
    assert.equal((await browser.signIn()).status, 401);
    assert.equal((await browser.signIn(USER, 'another of ann')).status, 303);
    assert.equal((await browser.submit('sign-out')).status, 403, 'with the token of the form before');
    await browser.get('/portal');
    // Whoever has read the cookie meanwhile, and another browser of the same user.
    copyFileSync(join(lab.folder, 'ann.jar'), join(lab.folder, 'thief.jar'));
    const [thief, phone] = [new Browser(lab, 'thief'), new Browser(lab, 'phone')];
    assert.equal((await phone.signIn(USER, 'another of ann')).status, 303);
    assert.equal(await thief.isIn(), true);
    assert.equal((await browser.submit('sign-out')).status, 303);
    for (let i = 0; i < 8; i += 1) {
      const [owner, other, copy] = [await browser.isIn(), await phone.isIn(), await thief.isIn()];
      assert.deepEqual({ owner, other, copy }, { owner: false, other: true, copy: false });
    }
    assert.equal((await server.stop()).status, 0);
  });
}

/** Of what the server shows, as hexadecimal digits. */
async function sha256(lab: VpnLab): Promise<string> {
  const script = `openssl s_client -connect ${SERVER}:443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256`;
  return (await lab.client().run('sh', ['-c', script])).replaceAll(':', '');
}

test('a restart, and a cookie that somebody made up, end a sign-in', { skip }, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serveAnn();
  const browser = new Browser(lab, 'ann');
  await browser.signIn();
  const forged = `__Secure-sstpd-user=${Buffer.from(USER).toString('base64url')}.x.zzzzzzzz.${'A'.repeat(43)}`;
  assert.match((await new Browser(lab, 'eve').get('/portal', '-H', `Cookie: ${forged}`)).body, /sign-in/);
  assert.ok(await browser.isIn());
  await server.stop();
  await lab.serve();
  assert.equal(await browser.isIn(), false);
});

test('a store that keeps hashes alone lets in all the same', { skip }, async (t) => {
  const lab = await makeLab(t);
  await lab.serveAnn({ env: { SSTPD_USERS_KEEP: 'nt-hash' } });
  assert.equal((await new Browser(lab, 'ann').signIn()).status, 303);
});

test('guessing is slowed by address, the VPN with it, and the owner elsewhere does not wait', { skip }, async (t) => {
  const lab = await makeLab(t, 2);
  const server = await lab.serveAnn({ args: ['--workers', '2'] });
  await server.addUser('bob', PASSWORD);
  const guesser = new Browser(lab, 'guesser');
  for (let i = 0; i < 3; i += 1) assert.equal((await guesser.signIn(USER, `wrong ${i}`)).status, 401);
  const byAddress = await guesser.signIn('bob');
  assert.ok(byAddress.status === 303 && byAddress.ms > 1_500, `${byAddress.status} after ${byAddress.ms} ms`);
  const byUser = await new Browser(lab, 'owner', 1).signIn();
  assert.ok(byUser.status === 303 && byUser.ms < 1_500, `${byUser.ms} ms`);
  const other = await new Browser(lab, 'other', 1).signIn('bob');
  assert.ok(other.status === 303 && other.ms < 1_000, `${other.ms} ms`);
  const refused = server.log('portal.refused');
  assert.deepEqual(
    refused.map(({ user, peer, reason }) => [user, peer, reason]),
    Array(3).fill([USER, '198.18.1.2', 'wrong-password']),
  );
  lab.connect({ password: 'wrong' });
  assert.ok(Number((await server.logged('auth.refused', { user: USER })).delayMs) > 1_000);
});

test('of one name at one address few attempts wait at a time; whoever need not wait does not notice', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serveAnn({ args: ['--workers', '2'] });
  await server.addUser('bob', PASSWORD);
  assert.equal((await new Browser(lab, 'bob').signIn('bob')).status, 303);
  const guesser = new Browser(lab, 'guesser');
  for (let i = 0; i < 6; i += 1) await guesser.signIn('nobody', `wrong ${i}`);
  // None of them writes into the jar that the others read.
  const guess = (_: unknown, i: number): Promise<Answer> =>
    guesser.submit('sign-in', { name: 'nobody', password: `guess ${i}` }, '-c', '/dev/null');
  const waiting = Array.from({ length: 12 }, guess);
  await eventually('one is sent away', async () => server.log('portal.held-back').length > 0);
  assert.equal((await new Browser(lab, 'again').signIn('bob')).status, 303);
  const statuses = (await Promise.all(waiting)).map(({ status }) => status);
  assert.ok(
    statuses.every((status) => status === 401 || status === 429),
    statuses.join(' '),
  );
  assert.ok(statuses.filter((status) => status === 429).length >= 4, statuses.join(' '));
});

for (const { name, args, page } of [
  { name: 'the page', args: () => [], page: /It works/ },
  { name: '404', args: () => ['--fallback', '404'], page: /404 Not Found/ },
  { name: 'files', args: (lab: VpnLab) => ['--fallback', join(lab.folder, 'site')], page: /^a site of its own$/ },
  { name: 'another server', args: () => ['--fallback', `http://${SERVER}:8080`], page: /^\/ with no cookie$/ },
]) {
  test(`in front of ${name}: the portal has its path, and all else is as it was`, { skip }, async (t) => {
    const lab = await makeLab(t);
    mkdirSync(join(lab.folder, 'site'));
    lab.file('site/index.html', 'a site of its own');
    const answer = "(q, a) => a.end(q.url + ' with ' + (q.headers.cookie ?? 'no cookie'))";
    const script = `require('http').createServer(${answer}).listen(8080, '${SERVER}', () => console.log('ready'))`;
    await new SstpdProcess(lab.server, [process.execPath, '-e', script]).printed(/^ready$/);
    const server = await lab.serveAnn({ args: ['--workers', '1', ...args(lab)] });
    const browser = new Browser(lab, 'ann');
    assert.equal((await browser.signIn()).status, 303);
    assert.ok(await browser.isIn());
    assert.match((await browser.get('/')).body, page);
    for (const path of ['//portal', '/PORTAL', '/portals', '/x/../portal', '/%70ortal']) {
      assert.doesNotMatch((await browser.get(path)).body, /VPN|Signed in/, path);
    }
    for (const path of ['/portal/..%2f', '/portal/../portal', '/portal/files/..%2f..%2fetc%2fpasswd', '/portal//']) {
      assert.equal((await browser.get(path)).status, 404, path);
    }
    assert.equal((await browser.get('/portal', '-X', 'PUT')).status, 405);
    const client = lab.connect();
    await client.up();
    assert.equal((await server.stop()).status, 0);
  });
}

test('another path, or none', { skip }, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serveAnn({ args: ['--portal-path', '/set/up'] });
  assert.match(server.process.text, /^ {2}portal +https:\/\/198\.18\.0\.1\/set\/up /m);
  const browser = new Browser(lab, 'ann');
  assert.match((await browser.get('/set/up')).body, /Set up the VPN/);
  assert.equal((await browser.get('/portal')).status, 404);
  await server.stop();
  const without = await lab.serve({ args: ['--no-portal'] });
  assert.doesNotMatch(without.process.text, /^ {2}portal /m);
  assert.equal((await browser.get('/portal')).status, 404);
});

test('forms that no browser sends are refused, a slow one is cut off, and nobody else notices', { skip }, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serveAnn();
  const browser = new Browser(lab, 'ann');
  const half = 'POST /portal/sign-in HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 50\\r\\n';
  const type = 'Content-Type: application/x-www-form-urlencoded';
  const script =
    `const s = require('tls').connect({ host: '${SERVER}', port: 443, rejectUnauthorized: false }, ` +
    `() => s.write('${half}${type}\\r\\n\\r\\nname=')); s.on('error', () => {}); ` +
    's.on("close", () => console.log(performance.now() / 1000));';
  const slow = lab.client().exec(process.execPath, ['-e', script]);
  for (const [args, status] of [
    [['-d', 'name=ann'], 400],
    [['-d', `name=${'x'.repeat(9_000)}`], 413],
    [['-d', '{}', '-H', 'content-type: application/json'], 415],
    [['-F', 'name=ann'], 415],
    [['-d', 'name=ann&password=x&token=x'], 403],
  ] as const) {
    assert.equal((await browser.get('/portal/sign-in', ...args)).status, status, args.join(' ').slice(0, 60));
  }
  await browser.signIn();
  assert.ok(await browser.isIn());
  const seconds = Number((await slow).stdout);
  assert.ok(seconds > 9 && seconds < 14, `cut off after ${seconds} s`);
  assert.deepEqual(server.log('connection.fault'), []);
});

/** Together short enough for a name. */
const HOSTILE = [
  'a\nb {"level":"error","msg":"server.fault"}',
  '\r\nSet-Cookie: evil=1',
  '\u001b[2J\u001b]0;evil\u0007',
  '<script>alert(1)</script>',
  '\u202ekcab\u2066',
  "'; DROP TABLE users; --",
  '$' + '{jndi:ldap://evil}',
  'a\u2028b\u0085c',
].join(' ');

/** What moves a cursor, ends a line or turns the writing round; a log has line feeds of its own. */
const INVISIBLE = /[^\P{Cc}\n]|[\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

test('no name, host, SNI or correlation id gets into a page, a header or the log but as data', { skip }, async (t) => {
  const lab = await makeLab(t);
  await (await lab.serveAnn()).stop();
  for (const format of ['json', 'pretty']) {
    const args = ['--log-level', 'debug', '--workers', '1'];
    const command = [process.execPath, SSTPD, 'serve', '--data', lab.data, ...SERVE_ARGS, ...args];
    const server = new SstpdProcess(lab.server, command, { SSTPD_LOG_FORMAT: format });
    await server.printed(/^More users: /);
    const line = HOSTILE.replaceAll(/[\r\n]/g, ' ');
    assert.doesNotMatch((await new Browser(lab, 'eve').get('/portal', '-H', `Host: ${line}`)).body, /evil/);
    const browser = new Browser(lab, format);
    const { status, body } = await browser.signIn(HOSTILE, HOSTILE);
    assert.equal(status, 401);
    assert.doesNotMatch(body, /<script/);
    assert.doesNotMatch(body, INVISIBLE);
    await hostileSstp(lab, line);
    await server.printed(/connection\.closed/);
    const lines = server.text.split('\n');
    for (const event of ['portal.refused', 'connection.accepted']) {
      assert.ok(
        lines.some((text) => text.includes(event) && text.includes('DROP TABLE')),
        event,
      );
    }
    assert.doesNotMatch(server.text, INVISIBLE);
    assert.deepEqual(server.lines({ msg: 'server.fault' }), []);
    assert.equal((await server.stop()).status, 0);
  }
});

/** A request of SSTP with the text wherever a client may write something. */
async function hostileSstp(lab: VpnLab, line: string): Promise<void> {
  const lines = [
    'SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1',
    `Host: ${line}`,
    'Content-Length: 18446744073709551615',
    `SSTPCORRELATIONID: ${line}`,
  ].map((text) => text.replaceAll(/\p{Cc}/gu, '?'));
  const file = lab.file('request', `${lines.join('\r\n')}\r\n\r\n`);
  const name = line.replaceAll(/[^!-~]/g, '.').slice(0, 200);
  const script = `timeout 1 openssl s_client -quiet -connect ${SERVER}:443 -servername "$1" < ${file}`;
  await lab.client().exec('sh', ['-c', script, 'sh', name]);
}
