import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { signatureOf, type WebhookResult, Webhooks } from '../../../../server/observe/hooks/webhooks.ts';
import { RecordingLog } from '../../support.ts';

const SECRET = Buffer.from('0123456789abcdef');

type Post = { readonly url: string; readonly headers: Record<string, string>; readonly body: string };

function newWebhooks(answers: (number | Error)[], urls = ['https://hooks.example/secret-path?x=y']) {
  const posts: Post[] = [];
  const results: WebhookResult[] = [];
  const log = new RecordingLog();
  const webhooks = new Webhooks({
    urls,
    secret: SECRET,
    log,
    counted: (result) => void results.push(result),
    firstWaitMs: 1,
    fetch: (async (url: string, init: RequestInit) => {
      assert.equal(init.redirect, 'manual');
      posts.push({ url, headers: init.headers as Record<string, string>, body: String(init.body) });
      const answer = answers.shift() ?? 200;
      if (answer instanceof Error) throw answer;
      return new Response(null, { status: answer });
    }) as unknown as typeof fetch,
  });
  return { webhooks, posts, results, log };
}

const event = (n: number) => ({ event: 'session.up', n });
const refused = Object.assign(new TypeError('fetch failed'), {
  cause: Object.assign(new Error('no'), { code: 'ECONNREFUSED' }),
});

test('the signature is the HMAC-SHA-256 of timestamp, dot and body, and each event has a number of its own', async () => {
  const { webhooks, posts, results } = newWebhooks([]);
  webhooks.send(event(1));
  webhooks.send(event(2));
  await webhooks.idle();
  assert.deepEqual(results, ['ok', 'ok']);
  for (const { headers, body } of posts) {
    const mac = createHmac('sha256', SECRET).update(`${headers['x-sstpd-timestamp']}.${body}`).digest('hex');
    assert.equal(headers['x-sstpd-signature'], `sha256=${mac}`);
    assert.equal(headers['x-sstpd-event'], 'session.up');
    assert.ok(Math.abs(Number(headers['x-sstpd-timestamp']) - Date.now() / 1_000) < 60);
  }
  assert.deepEqual(
    posts.map(({ body }) => JSON.parse(body) as unknown),
    [event(1), event(2)],
  );
  assert.notEqual(posts[0]?.headers['x-sstpd-delivery'], posts[1]?.headers['x-sstpd-delivery']);
});

test('a signature written down: anybody can check theirs against it', () => {
  assert.equal(
    signatureOf(SECRET, '1767225600', '{"event":"session.up"}'),
    'sha256=06f0850665600fda81668171acf57e3cd87b4ce5e5035134dc1483df0f60e239',
  );
});

test('what another try may change is tried again, with the same number, and the next event waits for it', async () => {
  const { webhooks, posts, results } = newWebhooks([500, refused, 429, 204]);
  webhooks.send(event(1));
  webhooks.send(event(2));
  await webhooks.idle();
  assert.deepEqual(results, ['ok', 'ok']);
  assert.deepEqual(
    posts.map(({ body }) => (JSON.parse(body) as { n: number }).n),
    [1, 1, 1, 1, 2],
  );
  assert.equal(new Set(posts.slice(0, 4).map(({ headers }) => headers['x-sstpd-delivery'])).size, 1);
});

test('after five tries it is given up, and the log names the receiver without its path', async () => {
  const { webhooks, posts, results, log } = newWebhooks([refused, refused, refused, refused, refused]);
  webhooks.send(event(1));
  await webhooks.idle();
  assert.equal(posts.length, 5);
  assert.deepEqual(results, ['failed']);
  const { fields } = log.of('webhook.failed')[0] ?? assert.fail();
  assert.equal(fields.receiver, 'https://hooks.example');
  assert.equal(fields.problem, 'ECONNREFUSED');
  assert.doesNotMatch(JSON.stringify(log.lines), /secret-path/);
});

test('a redirect is not followed, and a refusal is not argued with', async () => {
  for (const status of [302, 400, 404]) {
    const { webhooks, posts, results } = newWebhooks([status]);
    webhooks.send(event(1));
    await webhooks.idle();
    assert.equal(posts.length, 1, String(status));
    assert.deepEqual(results, ['failed']);
  }
});

test('receivers do not wait for one another', async () => {
  const { webhooks, posts, results } = newWebhooks([404], ['https://a.example', 'https://b.example']);
  webhooks.send(event(1));
  await webhooks.idle();
  assert.deepEqual(results.sort(), ['failed', 'ok']);
  assert.deepEqual(posts.map(({ url }) => url).sort(), ['https://a.example', 'https://b.example']);
});

test('a thousand events wait at most, the others are counted and gone', async () => {
  const { webhooks, results } = newWebhooks([]);
  for (let n = 0; n < 1_010; n++) webhooks.send(event(n));
  assert.equal(webhooks.waiting, 1_000);
  assert.deepEqual(results, Array(10).fill('dropped'));
  await webhooks.idle();
  assert.equal(results.filter((result) => result === 'ok').length, 1_000);
});

test('stop: what is left is given up at once', async () => {
  const { webhooks, results, posts } = newWebhooks(Array(100).fill(refused));
  webhooks.send(event(1));
  webhooks.send(event(2));
  await new Promise((resolve) => setImmediate(resolve));
  webhooks.stop();
  await webhooks.idle();
  assert.deepEqual(results, ['failed', 'failed']);
  assert.ok(posts.length < 5);
  webhooks.send(event(3));
  assert.deepEqual(results.at(-1), 'dropped');
});
