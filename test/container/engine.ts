/** Container engines: the daemon of Docker, and podman, behind the few commands that they share. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, within } from '../support/eventually.ts';
import { type ExecResult, execute, type Netns } from '../support/netns.ts';
import { BASE_IMAGE, type BaseImage, DEBIAN_IMAGE, ON_BASE } from './base-image.ts';

export const IMAGE = 'sstpd';
const BUILD_MS = 300_000;

export interface Engine {
  readonly name: string;
  /** Builds the product's Dockerfile, as it stands, in the folder of the clone. */
  build(base: BaseImage, clone: string): Promise<void>;
  /** Gets ready to run containers in this namespace. */
  enter(netns: Netns): Promise<void>;
  /** Runs one of the commands that the engines share, such as `run` and `exec`. Never rejects. */
  command(...words: readonly string[]): Promise<ExecResult>;
  /** Network and forwarding for `run`. */
  readonly network: readonly string[];
  close(): Promise<void>;
}

async function must(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const { code, stdout, stderr } = await execute(command, args, { env, timeoutMs: BUILD_MS });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: status ${code}\n${stdout}\n${stderr}`);
}

/**
 * The daemon builds in the machine's network, where the registries are, without touching it; it runs containers from a
 * namespace, where it may make its bridge and its rules.
 */
export class Docker implements Engine {
  readonly name = 'docker';
  readonly network: readonly string[] = ['--publish', '443:443', '--sysctl', 'net.ipv4.ip_forward=1'];
  readonly #folder: string;
  #daemon: ChildProcess | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, DOCKER_HOST: `unix://${join(this.#folder, 'socket')}`, DOCKER_BUILDKIT: '1' };
  }

  async build({ archive, context }: BaseImage, clone: string): Promise<void> {
    await this.#start([], { bridge: 'none', iptables: false, ip6tables: false, 'ip-forward': false });
    await must('/usr/bin/docker', ['import', archive, DEBIAN_IMAGE], this.env);
    const build = ['build', '--network', 'host', '--tag'];
    await must('/usr/bin/docker', [...build, BASE_IMAGE, context], this.env);
    const file = ['--file', join(clone, 'docker/Dockerfile')];
    await must('/usr/bin/docker', [...build, IMAGE, ...ON_BASE, ...file, clone], this.env);
    await this.#stop();
  }

  // Not `ip netns exec`: that hides the mounts of the control groups.
  enter(netns: Netns): Promise<void> {
    return this.#start(['nsenter', `--net=/run/netns/${netns.name}`], {});
  }

  command(...words: readonly string[]): Promise<ExecResult> {
    return execute('/usr/bin/docker', words, { env: this.env });
  }

  async close(): Promise<void> {
    await this.#stop();
    await execute('umount', [join(this.#folder, 'exec/netns/default')], {});
  }

  async #start(prefix: readonly string[], settings: object): Promise<void> {
    const place = (name: string): string => join(this.#folder, name);
    mkdirSync(this.#folder, { recursive: true });
    const folders = { 'data-root': place('data'), 'exec-root': place('exec'), pidfile: place('pid') };
    const hosts = [`unix://${place('socket')}`];
    writeFileSync(
      place('daemon.json'),
      JSON.stringify({ ...folders, hosts, 'storage-driver': 'overlay2', ...settings }),
    );
    const log = openSync(place('log'), 'w');
    const [program = '', ...args] = [...prefix, 'dockerd', '--config-file', place('daemon.json')];
    this.#daemon = spawn(program, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    await eventually(
      'the daemon of Docker',
      async () => {
        if (this.#daemon?.exitCode !== null) throw new Error(readFileSync(place('log'), 'utf8'));
        return (await this.command('version')).code === 0;
      },
      60_000,
    );
  }

  async #stop(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.exitCode !== null) return;
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await within(ended, 60_000, () => 'the end of the daemon');
  }
}

/** Containers are put into a namespace that is there, so that no rule of the machine changes. */
export class Podman implements Engine {
  readonly name = 'podman';
  readonly #folder: string;
  #netns: Netns | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get network(): readonly string[] {
    return ['--network', `ns:/run/netns/${this.#netns?.name}`];
  }

  async build({ archive, context }: BaseImage, clone: string): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    const limits = 'default_ulimits=["nofile=4096:4096","nproc=4096:4096"]';
    writeFileSync(join(this.#folder, 'containers.conf'), `[containers]\n${limits}\n[engine]\nruntime="runc"\n`);
    await must('podman', [...this.#place, 'import', archive, `docker.io/library/${DEBIAN_IMAGE}`], this.#env);
    // Only Docker's format has a health check.
    const build = ['build', '--format', 'docker', '--pull=never', '--network', 'host', '--tag'];
    await must('podman', [...this.#place, ...build, `docker.io/library/${BASE_IMAGE}`, context], this.#env);
    const file = ['--file', join(clone, 'docker/Dockerfile')];
    await must('podman', [...this.#place, ...build, IMAGE, ...ON_BASE, ...file, clone], this.#env);
  }

  /** Builds an image on top of one that is there. */
  async buildOnTop(tag: string, context: string): Promise<void> {
    const build = ['build', '--pull=never', '--network', 'host', '--tag', tag];
    await must('podman', [...this.#place, ...build, context], this.#env);
  }

  async enter(netns: Netns): Promise<void> {
    this.#netns = netns;
    await netns.run('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
  }

  command(...words: readonly string[]): Promise<ExecResult> {
    return execute('podman', [...this.#place, ...words], { env: this.#env });
  }

  async close(): Promise<void> {
    if (!existsSync(this.#folder)) return;
    await this.command('rm', '--all', '--force', '--volumes');
    await execute('umount', [join(this.#folder, 'data/overlay')], {});
  }

  get #place(): readonly string[] {
    const place = (name: string): string => join(this.#folder, name);
    return ['--root', place('data'), '--runroot', place('run'), '--cgroup-manager', 'cgroupfs'];
  }

  get #env(): NodeJS.ProcessEnv {
    return { ...process.env, CONTAINERS_CONF: join(this.#folder, 'containers.conf') };
  }
}
