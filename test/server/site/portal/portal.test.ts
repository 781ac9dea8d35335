/** The portal on sockets that a listener has accepted, in front of each kind of fallback. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import { profileFiles } from '../../../../profile/index.ts';
import { type Fallback, type PortalAnswer, type PortalQuestion, startWebPage } from '../../../../server/site/index.ts';
import { PortalCookies } from '../../../../server/site/portal/cookies.ts';
import { PLAIN } from '../../../profile/facts.ts';

const SESSION = 'a'.repeat(43);
const WELCOME: PortalAnswer = { kind: 'welcome', user: 'ann', facts: PLAIN, session: SESSION };
const REFUSED: PortalAnswer = { kind: 'refused', isDisabled: false };
const CLIENT = '192.0.2.7';

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly cookies: readonly string[];
  readonly body: string;
}

/** A portal, and what it asked. */
class Lab {
  readonly questions: PortalQuestion[] = [];
  readonly key: Buffer = randomBytes(32);
  answer: (question: PortalQuestion, gone?: AbortSignal) => PortalAnswer | Promise<PortalAnswer> = (question) =>
    question.kind !== 'sign-in' || question.password === 'right' ? WELCOME : REFUSED;
  /** By which browsers come. */
  host = 'evil.example';
  /** The client of the last request goes away. */
  hangUp: () => void = () => {};
  #port = 0;

  static async start(
    t: TestContext,
    fallback: Fallback = { kind: 'page' },
    {
      formMs = 10_000,
      host,
      insistsOnTls,
    }: { formMs?: number; host?: string; insistsOnTls?(name: string): boolean } = {},
  ): Promise<Lab> {
    const lab = new Lab();
    const ask = async (question: PortalQuestion, gone?: AbortSignal): Promise<PortalAnswer> => {
      lab.questions.push(question);
      return lab.answer(question, gone);
    };
    const page = await startWebPage({
      ...{ fallback, formMs, insistsOnTls },
      portal: { path: '/portal', host, key: lab.key, ask },
    });
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (bytes: Buffer) => {
        socket.pause();
        page.handle(socket, bytes, CLIENT);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    lab.#port = (server.address() as AddressInfo).port;
    t.after(async () => {
      await page.close();
      server.close();
    });
    return lab;
  }

  /** Sends bytes, and reads until the server ends the connection. */
  raw(text: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#port, '127.0.0.1').setEncoding('utf8');
      this.hangUp = () => socket.destroy();
      let got = '';
      socket.on('data', (chunk) => {
        got += String(chunk);
      });
      socket.on('close', () => resolve(parse(got))).on('error', reject);
      socket.write(text);
    });
  }

  get(target: string, cookie = ''): Promise<Answer> {
    return this.raw(`GET ${target} HTTP/1.1\r\nHost: ${this.host}\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`);
  }

  post(target: string, body: string, cookie = '', type = 'application/x-www-form-urlencoded'): Promise<Answer> {
    const head = `POST ${target} HTTP/1.1\r\nHost: ${this.host}\r\nCookie: ${cookie}\r\nConnection: close`;
    return this.raw(`${head}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }
}

/** One browser: it keeps cookies, and fills in the form that it was last shown. */
class Browser {
  readonly #lab: Lab;
  readonly jar = new Map<string, string>();
  #token = '';

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  get cookie(): string {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  async get(target: string): Promise<Answer> {
    return this.#seen(await this.#lab.get(target, this.cookie));
  }

  async submit(action: string, fields: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const body = new URLSearchParams({ token: this.#token, ...fields }).toString();
    return this.#seen(await this.#lab.post(`/portal/${action}`, body, this.cookie));
  }

  async signIn(name = 'ann', password = 'right'): Promise<Answer> {
    await this.get('/portal');
    return this.submit('sign-in', { name, password });
  }

  #seen(answer: Answer): Answer {
    for (const cookie of answer.cookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === '') this.jar.delete(name);
      else this.jar.set(name, value);
    }
    this.#token = /name="token" value="([^"]+)"/.exec(answer.body)?.[1] ?? this.#token;
    return answer;
  }
}

function parse(text: string): Answer {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [line = '', ...fields] = head.split('\r\n');
  const pairs = fields.map((field) => {
    const colon = field.indexOf(':');
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const;
  });
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1] ?? 0),
    headers: new Map(pairs),
    cookies: pairs.filter(([name]) => name === 'set-cookie').map(([, value]) => value),
    body: rest.join('\r\n\r\n'),
  };
}

test('sign in, see how to connect, fetch each file, sign out', async (t) => {
  const lab = await Lab.start(t);
  const browser = new Browser(lab);
  const form = await browser.get('/portal');
  assert.equal(form.status, 200);
  assert.match(form.body, /<form class="narrow" method="post" action="\/portal\/sign-in">/);
  const signedIn = await browser.submit('sign-in', { name: 'ann', password: 'right' });
  assert.deepEqual([signedIn.status, signedIn.headers.get('location')], [303, '/portal']);
  assert.deepEqual(lab.questions, [
    { kind: 'sign-in', address: CLIENT, name: 'ann', password: 'right', browser: undefined },
  ]);
  assert.match((await browser.get('/portal')).body, /Signed in as <strong>ann<\/strong>/);
  for (const file of profileFiles(PLAIN)) {
    const { status, headers, body } = await browser.get(`/portal/files/${file.name}`);
    assert.equal(status, 200);
    assert.equal(body, file.text, file.name);
    assert.equal(headers.get('content-type'), file.mediaType);
    assert.equal(headers.get('content-disposition'), `attachment; filename="${file.name}"`);
  }
  assert.equal((await browser.get('/portal/files/eap.xml')).status, 404);
  assert.equal((await browser.submit('sign-out')).status, 303);
  assert.deepEqual(lab.questions.at(-1), { kind: 'sign-out', session: SESSION });
  assert.match((await browser.get('/portal')).body, /action="\/portal\/sign-in"/);
  assert.equal((await browser.get('/portal/files/setup.ps1')).headers.get('location'), '/portal');
});

test('cookies are for this server over TLS, out of reach of scripts and other sites, and of the portal alone', async (t) => {
  const lab = await Lab.start(t);
  const browser = new Browser(lab);
  const { cookies } = await browser.get('/portal');
  const signedIn = await browser.submit('sign-in', { name: 'ann', password: 'right' });
  const all = [...cookies, ...signedIn.cookies];
  assert.equal(all.length, 2);
  for (const cookie of all) {
    assert.match(cookie, /^__Secure-sstpd-(?:form|user)=[\w.-]+; /);
    for (const attribute of ['Path=/portal', 'HttpOnly', 'Secure', 'SameSite=Strict']) {
      assert.ok(cookie.split('; ').includes(attribute), `${cookie}: ${attribute}`);
    }
    assert.doesNotMatch(cookie, /Domain/i);
  }
  assert.match(signedIn.cookies[0] ?? '', /; Max-Age=1800;/);
});

test('answers are not kept, not framed, and allow no script', async (t) => {
  const lab = await Lab.start(t);
  for (const answer of [await lab.get('/portal'), await lab.get('/portal/x'), await lab.post('/portal/sign-in', 'x')]) {
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.match(answer.headers.get('content-security-policy') ?? '', /^default-src 'none'; .*frame-ancestors 'none'/);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    assert.doesNotMatch([...answer.headers.keys()].join(), /server|x-powered-by/);
  }
});

test('a wrong login says the same whoever it was; each answer has its status', async (t) => {
  const lab = await Lab.start(t);
  const browser = new Browser(lab);
  const wrong = await browser.signIn('ann', 'wrong');
  assert.equal(wrong.status, 401);
  assert.match(wrong.body, /The name or the password is wrong\./);
  assert.match(wrong.body, /value="ann"/);
  assert.doesNotMatch(wrong.body, /"wrong"/);
  lab.answer = () => ({ kind: 'refused', isDisabled: true });
  assert.equal((await browser.signIn()).status, 403);
  lab.answer = () => ({ kind: 'later', seconds: 30 });
  const later = await browser.signIn();
  assert.deepEqual([later.status, later.headers.get('retry-after')], [429, '30']);
  lab.answer = () => ({ kind: 'fault' });
  assert.equal((await browser.signIn()).status, 503);
  assert.equal(browser.jar.size, 1);
});

test('a visitor who goes away while a sign-in waits is told to who judges it; one who stays is not', {
  timeout: 30_000,
}, async (t) => {
  const lab = await Lab.start(t);
  const browser = new Browser(lab);
  await browser.get('/portal');
  const waiting = new Promise<boolean>((resolve) => {
    lab.answer = (_question, gone) => {
      assert.equal(gone?.aborted, false);
      // A turn of the loop later: the body has been read by then, which ends no visit.
      setImmediate(() => {
        resolve(gone?.aborted ?? true);
        lab.hangUp();
      });
      return new Promise((answer) => {
        gone?.addEventListener('abort', () => answer({ kind: 'later', seconds: 1 }));
      });
    };
  });
  const left = browser.submit('sign-in', { name: 'ann', password: 'right' });
  assert.equal(await waiting, false);
  assert.equal((await left).status, 0);
  // The server lets go of it, or this would be waited for.
  lab.answer = () => REFUSED;
  assert.equal((await browser.submit('sign-in', { name: 'ann', password: 'wrong' })).status, 401);
});

test('a form from elsewhere is refused: no token, no cookie, another browser, or from before the sign-in', async (t) => {
  const lab = await Lab.start(t);
  const [ann, eve] = [new Browser(lab), new Browser(lab)];
  const own = /name="token" value="([^"]+)"/.exec((await eve.get('/portal')).body)?.[1] ?? '';
  await ann.get('/portal');
  const login = 'name=ann&password=right';
  for (const [body, cookie] of [
    [`${login}&token=x`, ann.cookie],
    [`${login}&token=${own}`, ann.cookie],
    [`${login}&token=${own}`, ''],
  ] as const) {
    assert.equal((await lab.post('/portal/sign-in', body, cookie)).status, 403, body);
  }
  assert.deepEqual(lab.questions, []);
  await ann.submit('sign-in', { name: 'ann', password: 'right' });
  assert.equal((await ann.submit('sign-out')).status, 403, 'the token of the form before the sign-in');
  await ann.get('/portal');
  assert.equal((await ann.submit('sign-out')).status, 303);
});

test('a cookie that is forged, old, or of a user who may no longer, shows the sign-in', async (t) => {
  const lab = await Lab.start(t);
  const at = (cookie: string): Promise<Answer> => lab.get('/portal', `__Secure-sstpd-user=${cookie}`);
  const old = new PortalCookies(lab.key, () => Date.now() - 1_800_001).session(SESSION);
  const forged = new PortalCookies(randomBytes(32)).session(SESSION);
  for (const cookie of [old, forged, 'x', '']) assert.match((await at(cookie)).body, /action="\/portal\/sign-in"/);
  assert.deepEqual(lab.questions, [], 'nobody is asked about a cookie that is not ours');
  const good = new PortalCookies(lab.key).session(SESSION);
  assert.match((await at(good)).body, /Signed in as/);
  lab.answer = () => REFUSED;
  assert.match((await at(good)).body, /action="\/portal\/sign-in"/);
  assert.deepEqual(lab.questions.at(-1), { kind: 'look', session: SESSION });
  lab.answer = () => ({ kind: 'fault' });
  assert.equal((await at(good)).status, 503);
});

test('forms that no browser sends are refused by the schema, and nobody is asked', async (t) => {
  const lab = await Lab.start(t);
  const long = 'x'.repeat(257);
  for (const [body, status] of [
    ['', 400],
    ['name=ann', 400],
    ['name=&password=x&token=t', 400],
    [`name=${long}&password=x&token=t`, 400],
    [`name=a&password=${long}&token=t`, 400],
    ['name=a&password=x&token=t&admin=1', 400],
    ['name=a&name=b&password=x&token=t', 400],
    ['__proto__=a&name=a&password=x&token=t', 400],
    [`name=a&password=x&token=${'t'.repeat(9_000)}`, 413],
    ['%ff%fe=%00', 400],
  ] as const) {
    const answer = await lab.post('/portal/sign-in', body);
    assert.equal(answer.status, status, body.slice(0, 60));
    assert.match(answer.body, /The form was not accepted/, body.slice(0, 60));
  }
  for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'x']) {
    assert.equal((await lab.post('/portal/sign-in', '{"name":"a"}', '', type)).status, 415, type);
  }
  assert.deepEqual(lab.questions, []);
});

test('a password of any signs arrives as it was typed', async (t) => {
  const lab = await Lab.start(t);
  const browser = new Browser(lab);
  await browser.signIn('o’neil & søn', 'a+b %41\t"<é\u0000中');
  assert.deepEqual(lab.questions, [
    { kind: 'sign-in', address: CLIENT, name: 'o’neil & søn', password: 'a+b %41\t"<é\u0000中', browser: undefined },
  ]);
});

test('a hostile name is shown as text; the Host header shows up nowhere', async (t) => {
  const lab = await Lab.start(t);
  const browser = new Browser(lab);
  const name = '"><script>alert(1)</script>';
  const answer = await browser.signIn(name, 'wrong');
  assert.match(answer.body, /value="&quot;&gt;&lt;script&gt;alert\(1\)&lt;\/script&gt;"/);
  assert.doesNotMatch(answer.body, /<script/);
  lab.answer = () => ({ kind: 'welcome', user: name, session: SESSION, facts: { ...PLAIN, user: name } });
  await browser.signIn(name);
  const home = await browser.get('/portal');
  assert.match(home.body, /&lt;script&gt;/);
  assert.doesNotMatch(home.body, /<script|evil\.example/);
  for (const { headers } of [answer, home]) assert.doesNotMatch([...headers.values()].join('\n'), /script|evil/);
});

test('methods and places that are not there', async (t) => {
  const lab = await Lab.start(t);
  const ask = (line: string): Promise<Answer> => lab.raw(`${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  for (const [line, status, allow] of [
    ['GET /portal/', 200],
    ['GET /portal?x=1', 200],
    ['HEAD /portal', 200],
    ['PUT /portal', 405, 'GET, HEAD'],
    ['POST /portal', 405, 'GET, HEAD'],
    ['DELETE /portal/sign-in', 405, 'GET, HEAD, POST'],
    ['OPTIONS /portal/sign-out', 405, 'GET, HEAD, POST'],
    ['GET /portal/sign-in', 303],
    ['GET /portal/..', 404],
    ['GET /portal/../portal', 404],
    ['GET /portal/..%2f', 404],
    ['GET /portal/%2e%2e/x', 404],
    ['GET /portal/files/', 404],
    ['GET /portal/files/..%2f..%2fetc%2fpasswd', 303],
    ['GET /portal//files/setup.ps1', 404],
    ['GET /portal/%zz', 400],
    ['GET /portal/files/%c0%ae', 400],
    [`GET /portal/files/${'x'.repeat(65)}`, 400],
  ] as const) {
    const answer = await ask(line);
    assert.equal(answer.status, status, line);
    assert.equal(answer.headers.get('allow'), allow, line);
  }
  const cookie = `__Secure-sstpd-user=${new PortalCookies(lab.key).session(SESSION)}`;
  for (const name of ['..%2f..%2fetc%2fpasswd', '..%5cx', 'setup.ps1%00', 'constructor', '__proto__']) {
    assert.equal((await lab.get(`/portal/files/${name}`, cookie)).status, 404, name);
  }
});

for (const fallback of [
  { kind: 'page' },
  { kind: 'not-found' },
  { kind: 'directory', path: tmpdir() },
  { kind: 'proxy', url: 'http://127.0.0.1:1' },
] as const) {
  test(`in front of ${fallback.kind}: the portal has its path and nothing else`, async (t) => {
    const lab = await Lab.start(t, fallback);
    assert.match((await lab.get('/portal')).body, /Set up the VPN/);
    for (const target of [
      '/',
      '//portal',
      '/PORTAL',
      '/portals',
      '/portal.html',
      '/x/../portal',
      '/%70ortal',
      'http://x/portal',
    ]) {
      const { body, headers } = await lab.get(target);
      assert.doesNotMatch(body, /VPN/, target);
      assert.ok(!headers.has('cache-control') || fallback.kind === 'directory', target);
    }
    assert.equal((await lab.post('/portal/sign-in', 'name=a')).status, 400);
    const outside = { page: 404, 'not-found': 404, directory: 405, proxy: 502 } as const;
    assert.equal((await lab.post('/sign-in', 'name=a')).status, outside[fallback.kind]);
  });
}

test('requests for both share a connection', async (t) => {
  const lab = await Lab.start(t, { kind: 'not-found' });
  const host = 'HTTP/1.1\r\nHost: x\r\n';
  const both = await lab.raw(`GET /portal ${host}\r\nGET /x ${host}\r\nGET /portal ${host}Connection: close\r\n\r\n`);
  assert.deepEqual(
    [...`HTTP/1.1 ${both.status} ${both.body}`.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1]),
    ['200', '404', '200'],
  );
});

test('who sends a form slowly is cut off; who waits for an answer is not', async (t) => {
  const lab = await Lab.start(t, { kind: 'page' }, { formMs: 200 });
  const head = 'POST /portal/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n';
  const startedAt = performance.now();
  const slow = await lab.raw(`${head}Content-Length: 100\r\n\r\nname=`);
  assert.equal(slow.status, 0);
  assert.ok(performance.now() - startedAt < 5_000);
  lab.answer = () => new Promise((resolve) => setTimeout(() => resolve(REFUSED), 500));
  assert.equal((await new Browser(lab).signIn()).status, 401);
});

test('a host of its own: the portal is there alone, and nothing else is', async (t) => {
  const site = createHttpServer((request, response) => void response.end(`site ${request.url}`));
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  t.after(() => site.close().closeAllConnections());
  const url = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  const fallbacks = [
    { kind: 'page' },
    { kind: 'not-found' },
    { kind: 'directory', path: tmpdir() },
    { kind: 'proxy', url },
  ];
  for (const fallback of fallbacks as readonly Fallback[]) {
    const lab = await Lab.start(t, fallback, { host: 'portal.example' });
    for (const host of ['portal.example', 'PORTAL.example:8443', 'portal.example.']) {
      lab.host = host;
      const { status, body } = await lab.get('/portal');
      assert.deepEqual([status, body.includes('Sign in with the name')], [200, true], host);
      for (const target of ['/', '/index.html', '/portalx', '*'])
        assert.equal((await lab.get(target)).status, 404, target);
      assert.equal((await lab.post('/', 'a=b')).status, 404);
    }
    for (const host of ['vpn.example', 'portal.example.evil.example', 'x.portal.example', '192.0.2.1']) {
      lab.host = host;
      const { status, body } = await lab.get('/portal');
      assert.doesNotMatch(body, /Sign in with the name/, host);
      assert.ok(status === 404 || fallback.kind === 'proxy', `${fallback.kind} ${host}: ${status}`);
    }
    // The target says which host it is, whatever the header does (RFC 9112 3.2.2).
    lab.host = 'vpn.example';
    assert.equal((await lab.get('http://portal.example/')).status, 404);
    lab.host = 'portal.example';
    assert.doesNotMatch((await lab.get('http://vpn.example/portal')).body, /Sign in with the name/);
    assert.deepEqual(lab.questions, []);
  }
});

test('browsers are told to insist on TLS where all on the host is ours, and the certificate one that they know', async (t) => {
  const asked: string[] = [];
  const insistsOnTls = (name: string): boolean => asked.push(name) > 0 && name === 'known.example';
  const header = async (lab: Lab, host: string, target: string): Promise<string | undefined> => {
    lab.host = host;
    return (await lab.get(target)).headers.get('strict-transport-security');
  };
  const HSTS = 'max-age=15768000';
  for (const fallback of [{ kind: 'page' }, { kind: 'not-found' }] as const) {
    const lab = await Lab.start(t, fallback, { insistsOnTls });
    for (const target of ['/', '/portal', '/portal/files/x', '/nothing']) {
      assert.equal(await header(lab, 'known.example', target), HSTS, target);
      assert.equal(await header(lab, 'own.example', target), undefined, target);
    }
  }
  const folder = { kind: 'directory', path: tmpdir() } as const;
  const shared = await Lab.start(t, folder, { insistsOnTls });
  for (const target of ['/', '/portal']) {
    assert.equal(await header(shared, 'known.example', target), undefined, 'it would bind the site of others');
  }
  const alone = await Lab.start(t, folder, { insistsOnTls, host: 'known.example' });
  assert.equal(await header(alone, 'known.example', '/portal'), HSTS);
  assert.equal(await header(alone, 'www.example', '/'), undefined);
  const byDefault = await Lab.start(t);
  assert.equal(await header(byDefault, 'known.example', '/portal'), undefined);
  assert.ok(!asked.includes('www.example'));
});
