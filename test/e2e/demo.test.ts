import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { systemCommand } from '../../core/index.ts';
import { eventually, within } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import { SSTPD } from '../support/sstpd-process.ts';

const run = promisify(execFile);
const skip = tunMissing() ?? false;

test('sstpd demo connects, pings, moves data both ways, ends with status 0 and leaves nothing', { skip }, async (t) => {
  const demo = new Demo(t);
  const { status, stderr } = await demo.ended();
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  for (const step of ['TCP', 'TLS', 'HTTP', 'SSTP', 'LCP', 'authentication', 'Crypto Binding', 'IPCP']) {
    assert.match(demo.stdout, new RegExp(`^ {2}${step} +\\d+\\.\\d `, 'm'));
  }
  assert.match(demo.stdout, /^Ping through the tunnel: \d/m);
  assert.match(demo.stdout, /^Download: [1-9]\d* Mbit\/s/m);
  assert.match(demo.stdout, /^Upload *: [1-9]\d* Mbit\/s/m);
  await demo.leftNothing();
});

for (const [signal, during, status] of [
  ['SIGTERM', /^Download: /m, 1],
  ['SIGINT', /^Connected: /m, 130],
  ['SIGHUP', /^Two network/m, 1],
] as const) {
  test(`${signal} after ${during} ends the demo with one line and status ${status}, and leaves nothing`, {
    skip,
  }, async (t) => {
    const demo = new Demo(t);
    await demo.printed(during);
    if (signal === 'SIGTERM') await demo.uploads();
    demo.child.kill(signal);
    assert.deepEqual(await demo.ended(15_000), { status, stderr: 'sstpd: the demo was interrupted\n' });
    await demo.leftNothing();
  });
}

test('a transfer whose tunnel is gone ends the demo within a few seconds', { skip }, async (t) => {
  const demo = new Demo(t);
  await demo.printed(/^Download: /m);
  await demo.uploads();
  await demo.killClient();
  const stderr = 'sstpd: the upload through the tunnel failed: no end within 8 s\n';
  assert.deepEqual(await demo.ended(20_000), { status: 1, stderr });
  await demo.leftNothing();
});

test('a TMPDIR of one user alone and SSTPD_* variables do not matter to the demo', { skip }, async (t) => {
  const env = { SSTPD_CONFIG: '/nowhere', SSTPD_RUN_USER: 'nobody-here', SSTPD_AUTH_METHODS: 'pap' };
  const demo = new Demo(t, { env, mode: 0o700 });
  await demo.printed(/^Connected: /m);
  demo.child.kill();
  await demo.ended();
  await demo.leftNothing();
});

test('a client that ends before it is up is told of in words', { skip }, async (t) => {
  const demo = new Demo(t, { ip: 'case "$*" in *" connect "*) exec "$IP" "$@" --auth pap;; esac' });
  const { status, stderr } = await demo.ended();
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^sstpd: the demo stopped: the client ended: the connection to 198\.18\.0\.1 failed: [a-z-]+ \([^{}\n]+\)\n$/,
  );
  await demo.leftNothing();
});

test('without a ping command the demo says so and goes on', { skip }, async (t) => {
  const demo = new Demo(t, { ip: 'case "$*" in *" ping "*) exec "$IP" "$1" "$2" "$3" no-such-ping;; esac' });
  await demo.printed(/^\(no ping on this machine: apt install iputils-ping\)\n/m);
  await demo.printed(/^Download: /m);
  demo.child.kill();
  await demo.ended();
  await demo.leftNothing();
});

interface DemoOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Of the folder for temporary files. */
  readonly mode?: number;
  /** Shell script in front of the command `ip`, which is `$IP` in it. */
  readonly ip?: string;
}

/** @returns what a command is to be started by, so that the system's `ip` is `script` for it, and for nobody else */
function inFrontOfIp(folder: string, script: string): string[] {
  const [place, real, stand] = [realpathSync(systemCommand('ip')), join(folder, 'real-ip'), join(folder, 'ip')];
  copyFileSync(place, real);
  writeFileSync(stand, `#!/bin/sh\nIP=${real}\n${script}\nexec "$IP" "$@"\n`, { mode: 0o755 });
  const words = ['unshare', '--mount', '--propagation', 'slave', 'sh', '-c'];
  return [...words, `mount --bind ${stand} ${place} && exec "$@"`, 'sh'];
}

/** A running `sstpd demo` with a folder for temporary files of its own. */
class Demo {
  readonly child: ReturnType<typeof spawn>;
  readonly #tmp: string;
  readonly #closed: Promise<number | null>;
  stdout = '';
  #stderr = '';
  #onText = (): void => {};

  constructor(t: TestContext, { env = {}, mode = 0o755, ip }: DemoOptions = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'sstpd-e2e-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    chmodSync(folder, 0o755); // the server becomes another user and has to pass through
    this.#tmp = mkdtempSync(join(folder, 'tmp-'));
    chmodSync(this.#tmp, mode);
    const [command = '', ...words] = [...(ip === undefined ? [] : inFrontOfIp(folder, ip)), process.execPath];
    this.child = spawn(command, [...words, SSTPD, 'demo'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: this.#tmp, ...env },
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#onText();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#closed = new Promise((resolve) => this.child.once('close', resolve));
    t.after(() => this.child.kill('SIGKILL'));
  }

  printed(pattern: RegExp): Promise<void> {
    const found = new Promise<void>((resolve, reject) => {
      this.#onText = () => {
        if (pattern.test(this.stdout)) resolve();
      };
      this.#onText();
      void this.#closed.then(() => reject(new Error(`ended without ${pattern}: ${this.#stderr}`)));
    });
    return within(found, 30_000, () => `${pattern}: ${this.stdout}`);
  }

  async ended(limitMs = 60_000): Promise<{ status: number | null; stderr: string }> {
    const status = await within(this.#closed, limitMs, () => `the end of the demo: ${this.stdout}${this.#stderr}`);
    return { status, stderr: this.#stderr };
  }

  /** Waits, after the download, until there is the next TCP connection. */
  async uploads(): Promise<void> {
    const words = ['netns', 'exec', `sstpd-demo-c-${this.child.pid}`, 'cat', '/proc/net/tcp'];
    // 5201 as the remote port, ESTABLISHED
    await eventually('the upload', async () => /:1451 01 /.test((await run('ip', words)).stdout));
  }

  async killClient(): Promise<void> {
    const { stdout } = await run('ip', ['netns', 'pids', `sstpd-demo-c-${this.child.pid}`]);
    for (const pid of stdout.split('\n').filter(Boolean)) {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0connect\0')) process.kill(Number(pid), 'SIGKILL');
    }
  }

  async leftNothing(): Promise<void> {
    assert.deepEqual(readdirSync(this.#tmp), []);
    const { stdout } = await run('ip', ['netns', 'list']);
    assert.doesNotMatch(stdout, new RegExp(`^sstpd-demo-.*-${this.child.pid}\\b`, 'm'));
  }
}
