/** The product's Dockerfile, built and run by Docker and again by podman, with a client that connects from outside. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { around } from '../support/around.ts';
import { eventually } from '../support/eventually.ts';
import { connect, execute, Netns } from '../support/netns.ts';
import { SstpdClient } from '../support/sstpd-client.ts';
import { type BaseImage, makeBaseImage } from './base-image.ts';
import { Docker, type Engine, IMAGE, Podman } from './engine.ts';
import { containerMissing } from './prerequisites.ts';

const CLONE = join(import.meta.dirname, '../..');
/** What clients dial: the host of the container. */
const HOST = '198.18.1.1';
/** The account in the image. */
const UID = '8443';
const NET_ADMIN_AND_BIND_SERVICE = '0000000000001400';
const MINUTE_MS = 60_000;
/**
 * What the log of a good start has not. It does warn of IPv6 that goes past the tunnel, without an IPv6 pool, and of the
 * key of the own authority, which a server that never was root has in its reach.
 */
const FAULTS = /WARNING: (?!IPv6 of clients|own authority's key)|"level":"error"/;

/** As docs/packages.md has it; without the network, which each engine has its own way for. */
const LOCKED = ['--cap-drop', 'ALL', '--read-only', '--tmpfs', '/tmp', '--env', `SSTPD_HOSTS=${HOST}`];
/** The engine's own profile of system calls lets both layers be used. */
const CAGED = ['--env', 'SSTPD_RUN_CAGE=require'];
const CAPABILITIES = ['--cap-add', 'NET_ADMIN', '--cap-add', 'NET_BIND_SERVICE'];
const DEVICE = ['--device', '/dev/net/tun'];
const USUAL = [...LOCKED, ...CAPABILITIES, ...DEVICE, ...CAGED];

/** The image with a systemd that starts the unit as docs/packages.md says; the program comes from the image. */
const WITH_SYSTEMD = `FROM ${IMAGE}
USER root
RUN apt-get update && apt-get install -y --no-install-recommends systemd dbus
COPY sstpd.sysusers.conf /etc/sysusers.d/sstpd.conf
COPY sstpd.service /etc/systemd/system/
RUN systemd-sysusers && printf 'SSTPD_HOSTS=${HOST}\\nSSTPD_RUN_CAGE=require\\n' > /etc/default/sstpd && systemctl enable sstpd
HEALTHCHECK NONE
ENTRYPOINT []
CMD ["/lib/systemd/systemd"]
`;

/** What is installed in the image and not in its bill of materials in this version, or the other way round. */
const UNLISTED = `
  const { globSync, readFileSync } = require('node:fs');
  const root = '/usr/local/lib/node_modules/sstpd/';
  const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
  const nameOf = ({ name, version }) => name + '@' + version;
  const found = globSync(root + '**/node_modules/{*,@*/*}/package.json').map(read).map(nameOf);
  const listed = read(root + 'sbom.cdx.json').components.map(nameOf);
  const [a, b] = [new Set(found), new Set(listed)];
  if (a.size < 50) console.log('only', a.size);
  for (const name of [...a.symmetricDifference(b)]) console.log(name);
`;

let folder: string;
let base: BaseImage;
const missing = containerMissing();
if (missing !== undefined && process.env.CI !== undefined) throw new Error(missing);
const options = { skip: missing ?? false, timeout: 15 * MINUTE_MS };

around(
  async () => {
    if (missing !== undefined) return;
    folder = mkdtempSync(join(tmpdir(), 'sstpd-container-'));
    base = makeBaseImage(folder);
  },
  async () => {
    if (missing !== undefined) return;
    rmSync(folder, { recursive: true, force: true });
  },
);

for (const kind of ['docker', 'podman'] as const) {
  describe(kind, options, () => {
    let engine: Engine;
    let host: Netns;
    let client: Netns;
    let users = 0;

    before(async () => {
      engine = kind === 'docker' ? new Docker(join(folder, kind)) : new Podman(join(folder, kind));
      await engine.build(base, CLONE);
      host = await Netns.create('host');
      client = await Netns.create('laptop');
      await connect(client, host, { ifA: 'cable', ifB: 'cable', addressA: '198.18.1.2/30', addressB: `${HOST}/30` });
      await engine.enter(host);
    }, options);
    after(async () => {
      await engine.close();
      await client?.destroy();
      await host?.destroy();
    });

    const must = async (...words: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await engine.command(...words);
      assert.equal(code, 0, `${words.join(' ')}: ${stderr}${stdout}`);
      return stdout;
    };
    const logs = async (name: string): Promise<string> => {
      const { stdout, stderr } = await engine.command('logs', name);
      return stdout + stderr;
    };
    /** Runs a container that serves, until `use` is done. */
    const serving = async (args: readonly string[], use: (name: string) => Promise<void>): Promise<void> => {
      const name = 'sstpd-test';
      const health = ['--health-interval', '1s', '--health-retries', '30'];
      await must('run', '--detach', '--name', name, ...health, ...engine.network, ...args, IMAGE);
      try {
        await eventually(`sstpd is ready`, async () => (await logs(name)).includes('More users:'), MINUTE_MS).catch(
          async (error: Error) => assert.fail(`${error.message}\n${await logs(name)}`),
        );
        await use(name);
      } finally {
        await must('rm', '--force', '--volumes', name);
      }
    };
    /** What a start says that can't succeed. */
    const refused = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await engine.command('run', '--rm', ...engine.network, ...args, IMAGE);
      assert.equal(code, 1, `${stdout}${stderr}`);
      // podman has lines of its own, such as that systemd is not there for the health check.
      return stderr.replace(/^time=.*\n/gm, '');
    };
    const pidOf = async (name: string): Promise<string> => (await must('inspect', '-f', '{{.State.Pid}}', name)).trim();

    test('a client connects and gets beyond the server, which has two capabilities and its workers none', async () => {
      await serving(USUAL, async (name) => {
        const pid = await pidOf(name);
        const workers = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
        assert.ok(workers.length >= 1);
        const rights = (of: string): (string | undefined)[] => {
          const status = readFileSync(`/proc/${of}/status`, 'utf8');
          return ['Uid', 'CapEff', 'NoNewPrivs', 'Seccomp_filters'].map(
            (field) => new RegExp(`^${field}:\\s*(\\S+)`, 'm').exec(status)?.[1],
          );
        };
        const [uid, capabilities, noNewPrivileges, filters] = rights(pid);
        assert.deepEqual([uid, capabilities, noNewPrivileges], [UID, NET_ADMIN_AND_BIND_SERVICE, '1']);
        const caged = String(Number(filters) + 2);
        assert.equal(await must('exec', name, 'node', '-e', UNLISTED), '');
        for (const worker of workers) {
          assert.deepEqual(rights(worker), [UID, '0000000000000000', '1', caged]);
        }
        await tunnel(name);
        const health = kind === 'docker' ? '{{.State.Health.Status}}' : '{{.State.Healthcheck.Status}}';
        await eventually('a healthy container', async () => {
          // podman leaves its timers to systemd.
          if (kind === 'podman') await engine.command('healthcheck', 'run', name);
          return (await must('inspect', '-f', health, name)).trim() === 'healthy';
        });
        assert.doesNotMatch(await logs(name), FAULTS);
        await must('stop', name);
        assert.equal((await must('inspect', '-f', '{{.State.ExitCode}}', name)).trim(), '0');
        assert.match(await logs(name), /"msg":"server\.stopped"/);
      });
    });

    /** A user of its own, a tunnel, a ping of the server and one of an address of the container's other side. */
    async function tunnel(name: string): Promise<void> {
      users += 1;
      const user = `ann${users}`;
      const added = await must('exec', '--user', 'sstpd', name, 'sstpd', 'user', 'add', user, '--json');
      const { password } = JSON.parse(added) as { password: string };
      const caFile = join(folder, 'ca.pem');
      writeFileSync(caFile, await must('exec', '--user', 'sstpd', name, 'cat', '/var/lib/sstpd/ca.pem'));
      const peer = new SstpdClient(client, {
        to: HOST,
        user,
        password,
        caFile,
        args: ['--route', '172.16.0.0/12'],
      });
      const { server } = await peer.up();
      await client.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', server]);
      if (kind === 'docker') {
        const gateway = await must('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}', name);
        await client.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', gateway.trim()]);
      }
      await peer.stop();
    }

    test('without the capability: one line that names it', async () => {
      const said = await refused(...LOCKED, ...DEVICE);
      const what = 'sstpd: the right to make a TUN device is missing (CAP_NET_ADMIN): docker run --cap-add NET_ADMIN\n';
      assert.equal(said, what);
    });

    test('without the device: one line that names it', async () => {
      const said = await refused(...LOCKED, ...CAPABILITIES);
      assert.match(said, /^sstpd: no TUN device [^\n]*\/dev\/net\/tun is missing[^\n]*: --device \/dev\/net\/tun\)\n$/);
    });

    test('without forwarding it serves, and says which sysctl to add', async () => {
      const { network } = engine;
      const isOff = ['--sysctl', 'net.ipv4.ip_forward=0'];
      const settings = network.includes('--sysctl') ? [...USUAL, ...isOff] : USUAL;
      if (kind === 'podman') await host.run('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=0']);
      await serving(settings, async (name) => {
        assert.match(
          await logs(name),
          /WARNING: IPv4 forwarding is off [^\n]*docker run --sysctl net\.ipv4\.ip_forward=1\n/,
        );
      });
      if (kind === 'podman') await host.run('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
    });

    test('under no-new-privileges: one line, or as root with the right to become the user', async () => {
      const bound = [...USUAL, '--security-opt', 'no-new-privileges'];
      if (kind === 'podman') {
        // podman gives the user the capabilities itself.
        await serving(bound, (name) => tunnel(name));
        return;
      }
      const said = await refused(...bound);
      const add = 'docker run --user root --cap-add SETUID --cap-add SETGID';
      assert.match(said, new RegExp(`^sstpd: [^\\n]*no-new-privileges [^\\n]*leave that option out, or ${add}\\n$`));
      assert.match(
        await refused(...bound, '--user', 'root'),
        /^sstpd: root can't become [^\n]*--cap-add SETUID [^\n]*\n$/,
      );
      await serving([...bound, '--user', 'root', '--cap-add', 'SETUID', '--cap-add', 'SETGID'], async (name) => {
        const status = readFileSync(`/proc/${await pidOf(name)}/status`, 'utf8');
        assert.match(status, new RegExp(`^Uid:\\t${UID}\\t`, 'm'));
        await tunnel(name);
      });
    });

    if (kind === 'podman') {
      test('the systemd unit under a real systemd: forwarding, a restart after a crash, an end in order', async () => {
        const context = join(folder, 'systemd');
        cpSync(join(CLONE, 'packaging/systemd'), context, { recursive: true });
        writeFileSync(join(context, 'Dockerfile'), WITH_SYSTEMD);
        await (engine as Podman).buildOnTop('sstpd-systemd', context);
        await host.run('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=0']);
        const name = 'sstpd-systemd-test';
        const system = ['--privileged', '--systemd=always'];
        await must('run', '--detach', '--name', name, ...system, ...engine.network, 'sstpd-systemd');
        try {
          const journal = async (): Promise<string> =>
            (await engine.command('exec', name, 'journalctl', '--no-pager', '--unit', 'sstpd')).stdout;
          const starts = async (): Promise<number> => (await journal()).split('More users:').length - 1;
          const show = async (property: string): Promise<string> =>
            (await must('exec', name, 'systemctl', 'show', '--property', property, '--value', 'sstpd')).trim();
          await eventually('the unit has started', async () => (await starts()) === 1, MINUTE_MS);
          assert.match(await journal(), /IPv4 forwarding turned on/);
          assert.doesNotMatch(await journal(), FAULTS);
          assert.doesNotMatch(await journal(), /own authority's key/);
          assert.match(await must('exec', name, 'stat', '-c', '%U %a', '/var/lib/sstpd/ca.key'), /^root 600$/m);
          const pid = await show('MainPID');
          const status = await must('exec', name, 'cat', `/proc/${pid}/status`);
          assert.match(status, new RegExp(`^Uid:\\t${UID}\\t`, 'm'));
          assert.match(status, new RegExp(`^CapEff:\\t${NET_ADMIN_AND_BIND_SERVICE}$`, 'm'));
          assert.match(status, /^Seccomp:\t2$/m);
          await tunnel(name);
          await must('exec', name, 'systemctl', 'kill', '--signal=KILL', '--kill-who=main', 'sstpd');
          await eventually('the unit has started again', async () => (await starts()) === 2, MINUTE_MS);
          assert.equal(await show('NRestarts'), '1');
          await tunnel(name);
          await must('exec', name, 'systemctl', 'stop', 'sstpd');
          assert.deepEqual([await show('ActiveState'), await show('Result')], ['inactive', 'success']);
          assert.match(await journal(), /"msg":"server\.stopped"/);
        } finally {
          await must('rm', '--force', '--volumes', name);
          await host.run('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
        }
      });
    }

    if (kind === 'docker') {
      test('compose.yaml comes up with one command', async () => {
        const compose = async (...words: string[]): Promise<void> => {
          const args = ['--file', join(CLONE, 'docker/compose.yaml'), ...words];
          const env = { ...(engine as Docker).env, SSTPD_HOSTS: HOST };
          const { code, stdout, stderr } = await execute('docker-compose', args, { env, timeoutMs: MINUTE_MS });
          assert.equal(code, 0, `${stdout}${stderr}`);
        };
        try {
          await compose('up', '--detach');
          const name = (await must('ps', '--quiet')).trim();
          await eventually('sstpd is ready', async () => (await logs(name)).includes('More users:'), MINUTE_MS);
          assert.doesNotMatch(await logs(name), FAULTS);
          await tunnel(name);
        } finally {
          await compose('down', '--volumes');
        }
      });
    }
  });
}
