/**
 * A machine of its own on this one's kernel: namespaces for processes, mounts and the network, a root file system that
 * is one (pivot_root; in a chroot, whose root is no mount, tests of mounts fail), /dev/net/tun, and a way out through
 * slirp4netns. All of it ends with its first process.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { accessVariables } from './bare-root.ts';

/** What slirp4netns gives to a network namespace. */
export const ADDRESS = '10.0.2.100';
const RESOLVER = '10.0.2.3';

const FIRST_PROCESS = `set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mkdir -p dev/net dev/pts dev/shm old
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -sf pts/ptmx dev/ptmx
[ -e dev/net/tun ] || mknod -m 666 dev/net/tun c 10 200
pivot_root . old
cd /
umount -l /old
rmdir /old
echo ready > /run/ready
exec sleep infinity`;

export interface Result {
  readonly status: number;
  readonly output: string;
}

export class BareMachine {
  readonly #root: string;
  readonly #unshare: ChildProcess;
  readonly #ended: Promise<unknown>;
  #slirp: ChildProcess | undefined;
  #pid = 0;
  #destroyed: Promise<void> | undefined;

  private constructor(root: string) {
    this.#root = root;
    const words = ['--mount', '--net', '--pid', '--uts', '--fork', '--kill-child=KILL'];
    const command = ['unshare', ...words, '/bin/sh', '-c', FIRST_PROCESS, 'sh', root];
    // Should this process die without a word, the machine ends as well.
    this.#unshare = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#ended = once(this.#unshare, 'exit');
  }

  /** @param root a folder with a file system, which is the machine's from now on: `destroy` removes it */
  static async boot(root: string): Promise<BareMachine> {
    writeFileSync(join(root, 'etc/resolv.conf'), `nameserver ${RESOLVER}\n`);
    writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n127.0.1.1 bare\n');
    const machine = new BareMachine(root);
    try {
      await machine.#start();
    } catch (error) {
      await machine.destroy();
      throw error;
    }
    return machine;
  }

  async #start(): Promise<void> {
    const unshare = String(this.#unshare.pid);
    this.#pid = await eventually('the first process', () => {
      if (this.#unshare.exitCode !== null) throw new Error('unshare has ended');
      return Number(readFileSync(`/proc/${unshare}/task/${unshare}/children`, 'utf8').split(' ')[0]) || undefined;
    });
    await eventually('its root', async () => (await this.run('/', ['test', '-e', '/run/ready'])).status === 0);
    const words = ['--configure', '--disable-host-loopback', '--mtu=1500', '--ready-fd=3', String(this.#pid), 'tap0'];
    const slirp = spawn('setpriv', ['--pdeathsig', 'KILL', 'slirp4netns', ...words], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    this.#slirp = slirp;
    const ready = slirp.stdio[3];
    if (ready !== null && ready !== undefined) await once(ready, 'data');
    await this.run('/', ['hostname', 'bare']);
  }

  /** Starts a command by a shell in a folder of the machine, as root who has just logged in. */
  spawn(folder: string, line: string): ChildProcess {
    return this.#enter(folder, ['/bin/sh', '-c', line]);
  }

  /** Runs a command to its end; `output` is both of its streams. Never rejects. */
  run(folder: string, command: readonly string[]): Promise<Result> {
    const child = this.#enter(folder, command);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    return new Promise((resolve) => {
      child.once('close', (status, signal) => resolve({ status: status ?? 128, output: output + (signal ?? '') }));
      child.once('error', (error) => resolve({ status: 127, output: String(error) }));
    });
  }

  #enter(folder: string, command: readonly string[]): ChildProcess {
    const variables = {
      HOME: '/root',
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ...accessVariables(),
    };
    const env = ['env', '-i', '-C', folder, ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)];
    const place = ['--target', String(this.#pid), '--mount', '--net', '--pid', '--uts', '--root', '--wd'];
    // A group of its own, so that a signal reaches what npm starts, as Ctrl-C does.
    return spawn('nsenter', [...place, ...env, ...command], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  }

  /** The machine, its processes, mounts and network are gone, and its files. May be called again. */
  destroy(): Promise<void> {
    this.#destroyed ??= this.#destroy();
    return this.#destroyed;
  }

  async #destroy(): Promise<void> {
    this.#slirp?.kill('SIGKILL');
    this.#unshare.kill('SIGKILL');
    await this.#ended;
    if (this.#pid > 0) await eventually('the end of the machine', () => !isAlive(this.#pid));
    // Should a mount be left in spite of all, it is not gone into.
    execFileSync('rm', ['-rf', '--one-file-system', this.#root]);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A clone of the very commit that is checked out here. @param root of the machine @param folder in it */
export function cloneInto(root: string, folder: string): void {
  const source = join(import.meta.dirname, '../..');
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: source, encoding: 'utf8', stdio: 'pipe' });
  const commit = git('rev-parse', 'HEAD').trim();
  git('-c', 'safe.directory=*', 'clone', '--quiet', '--no-hardlinks', '--no-checkout', source, join(root, folder));
  git('-C', join(root, folder), 'checkout', '--quiet', '--detach', commit);
}
