/** What /metrics of a real server says, with one process and with workers, and after the crash of one. */
// Needs: curl, promtool
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { execute, tunMissing } from '../support/netns.ts';
import { ALERTS, alertExpressions, dashboardExpressions, metricsIn } from '../support/promql.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { INSIDE, PASSWORD, SERVER, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
const PLACE = '127.0.0.1:9100';

/** Series by their text, `sstp_bytes_total{direction="in"}`. */
type Series = ReadonlyMap<string, number>;

async function start(t: TestContext, workers: number, args: readonly string[] = []): Promise<[VpnLab, SstpdServer]> {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  const env = { SSTPD_METRICS_USERS: 'true' };
  const more = ['--workers', String(workers), '--metrics', PLACE, ...args];
  return [lab, await lab.serveAnn({ args: more, env })];
}

async function scrape(lab: VpnLab): Promise<Series> {
  const text = await lab.server.run('curl', ['-sSf', '-m', '10', `http://${PLACE}/metrics`]);
  return seriesOf(text);
}

function seriesOf(text: string): Series {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

const value = (series: Series, name: string): number => series.get(name) ?? assert.fail(`no ${name}`);

/** Those that must never go back. */
function countersOf(series: Series): [string, number][] {
  return [...series].filter(([name]) => /_(total|count|sum|bucket)(\{|$)/.test(name));
}

function assertNotBack(before: Series, after: Series): void {
  for (const [name, count] of countersOf(before)) assert.ok(value(after, name) >= count, `${name} went back`);
}

for (const workers of [0, 2]) {
  test(`sessions, logins and traffic show, with ${workers === 0 ? 'one process' : 'workers'}`, {
    skip,
  }, async (t) => {
    const [lab, server] = await start(t, workers);
    const before = await scrape(lab);
    assert.equal(value(before, 'sstp_workers'), workers);
    assert.equal(value(before, 'sstp_connects_total{result="up",stage="up"}'), 0);

    const client = lab.connect();
    await client.up();
    await client.netns.run('ping', ['-c', '5', '-i', '0.2', '-s', '1000', '-W', '5', INSIDE]);
    const during = await scrape(lab);
    assert.equal(value(during, 'sstp_sessions{stage="up",method="mschapv2"}'), 1);
    assert.equal(value(during, 'sstp_connects_total{result="up",stage="up"}'), 1);
    assert.equal(value(during, 'sstp_auth_attempts_total{method="mschapv2",reason="ok"}'), 1);
    assert.equal(value(during, 'sstp_pool_addresses{state="used"}'), 1);
    assert.equal(value(during, 'sstp_connections{state="authenticated"}'), 1);
    assert.equal(value(during, 'sstp_connect_stage_duration_seconds_count{stage="authentication"}'), 1);
    assert.ok(value(during, 'sstp_bytes_total{direction="in"}') >= 5 * 1028);
    assert.ok(value(during, 'sstp_packets_total{direction="out"}') >= 5);
    assert.ok(value(during, `sstp_user_bytes_total{user="${USER}",direction="in"}`) >= 5 * 1028);
    assert.equal(value(during, `sstp_user_sessions{user="${USER}"}`), 1);
    for (const process of workers === 0 ? ['main'] : ['main', 'worker-0', 'worker-1']) {
      assert.ok(value(during, `sstp_process_memory_bytes{process="${process}",kind="resident"}`) > 1e7, process);
      assert.ok(value(during, `sstp_event_loop_delay_seconds_count{process="${process}"}`) > 0, process);
    }
    const expiry = [...during].find(([name]) => name.startsWith('sstp_certificate_expiry_timestamp_seconds{'));
    assert.ok(expiry?.[0].includes(SERVER) && expiry[1] > Date.now() / 1_000 + 86_400, String(expiry));

    await lab.connect({ password: 'wrong' }).ended();
    await client.stop();
    const after = await eventually('the end of the session', async () => {
      const series = await scrape(lab);
      return value(series, 'sstp_sessions{stage="up",method="mschapv2"}') === 0 && series;
    });
    assertNotBack(during, after);
    assert.ok(value(after, 'sstp_auth_attempts_total{method="mschapv2",reason="wrong-password"}') >= 1);
    assert.equal(value(after, 'sstp_connects_total{result="failed",stage="authentication"}'), 1);
    const ended = [...after].filter(([name]) => name.startsWith('sstp_sessions_ended_total'));
    assert.equal(
      ended.reduce((sum, [, count]) => sum + count, 0),
      1,
    );
    assert.equal(value(after, `sstp_user_sessions{user="${USER}"}`), 0);
    const printed = seriesOf(await server.must(['metrics']));
    assert.deepEqual([...printed.keys()].sort(), [...after.keys()].sort(), 'the socket says the same');
  });
}

test('a worker that is killed: nothing goes back, and its sessions have ended', { skip }, async (t) => {
  const [lab, server] = await start(t, 2);
  await server.addUser('bob', PASSWORD);
  const client = lab.connect();
  await client.up();
  await client.netns.run('ping', ['-c', '5', '-i', '0.2', '-s', '1000', '-W', '5', INSIDE]);
  const before = await scrape(lab);
  const [session = assert.fail()] = await server.sessions();
  const worker = Number.parseInt(session.id.slice(0, 2), 16);
  const ready = await server.logged('worker.ready', { worker });
  const from = server.mark;
  process.kill(Number(ready.pid), 'SIGKILL');
  await server.logged('worker.ended', { worker }, from);
  const between = await scrape(lab);
  assertNotBack(before, between);
  assert.equal(value(between, 'sstp_sessions_ended_total{reason="worker-ended"}'), 1);
  assert.equal(value(between, 'sstp_sessions{stage="up",method="mschapv2"}'), 0);
  await server.logged('worker.ready', { worker }, from);
  const after = await scrape(lab);
  assertNotBack(between, after);
  assert.equal(value(after, 'sstp_worker_restarts_total'), 1);
  assert.ok(value(after, `sstp_user_bytes_total{user="${USER}",direction="in"}`) >= 5 * 1028);
});

test('a worker that stands still does not hold a scrape up', { skip }, async (t) => {
  const [lab, server] = await start(t, 2);
  const ready = await server.logged('worker.ready', { worker: 1 });
  const before = await scrape(lab);
  process.kill(Number(ready.pid), 'SIGSTOP');
  t.after(() => process.kill(Number(ready.pid), 'SIGCONT'));
  const startedAt = performance.now();
  const after = await scrape(lab);
  assert.ok(performance.now() - startedAt < 5_000);
  assertNotBack(before, after);
});

test('each metric that the dashboard and the alerts ask for is there, with clients or without', { skip }, async (t) => {
  const [lab] = await start(t, 2);
  const names = [...new Set([...dashboardExpressions(), ...alertExpressions()].flatMap(metricsIn))];
  assert.ok(names.length > 30, `only ${names}`);
  const check = async (): Promise<void> => {
    const there = new Set([...(await scrape(lab)).keys()].map((name) => name.replace(/\{.*/, '')));
    assert.deepEqual(
      names.filter((name) => !there.has(name)),
      [],
    );
  };
  await check();
  await lab.connect().up();
  await check();
});

test('the rules for alerts are what promtool takes for good', { skip }, async () => {
  const { stdout, stderr, code } = await execute('promtool', ['check', 'rules', ALERTS], {});
  assert.equal(code, 0, `${stdout}${stderr}`);
});

test('/metrics is what promtool takes for good, whatever the state of the server', { skip }, async (t) => {
  const [lab] = await start(t, 2);
  const check = async (): Promise<void> => {
    const text = await lab.server.run('curl', ['-sSf', `http://${PLACE}/metrics`]);
    const { code, stdout, stderr } = await lab.server.exec('promtool', ['check', 'metrics'], { input: text });
    assert.equal(code, 0, `${stdout}${stderr}`);
    assert.equal(`${stdout}${stderr}`, '');
  };
  await check();
  const client = lab.connect();
  await client.up();
  await check();
});

test('over TLS a token of the scope metrics is needed, and no other opens it', { skip }, async (t) => {
  const [lab, server] = await start(t, 1);
  const ask = async (...headers: string[]): Promise<string> => {
    const words = headers.flatMap((header) => ['-H', header]);
    return lab.server.run('curl', ['-sS', '-k', '-w', '%{http_code}', ...words, 'https://127.0.0.1:8443/metrics']);
  };
  const tokenFor = async (scope: string): Promise<string> => {
    const added = await server.must(['token', 'add', `for-${scope}`, '--scope', scope, '--json']);
    return `Authorization: Bearer ${(JSON.parse(added) as { token: string }).token}`;
  };
  assert.match(await ask(), /401$/);
  assert.match(await ask(await tokenFor('read')), /403$/);
  const answer = await ask(await tokenFor('metrics'));
  assert.match(answer, /^sstp_build_info\{[^}]+\} 1$/m);
  assert.match(answer, /200$/);
});

test('a port that is taken is said in one line, and nothing is left behind', { skip }, async (t) => {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  const before = await lab.state();
  const server = lab.launch('exec "$@"', { args: ['--metrics', `${SERVER}:443`] });
  assert.equal((await server.end()).status, 1);
  assert.match(
    server.text,
    /^sstpd: metrics\.listen: cannot listen on 198\.18\.0\.1:443: .* \(--metrics ADDR:PORT\)$/m,
  );
  assert.equal(await lab.state(), before);
});
