/** The files of docker/ held against each other: what one gives, another must not take away. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { load, loadAll } from 'js-yaml';

const dockerfile = readFileSync('docker/Dockerfile', 'utf8');
const word = (pattern: RegExp): string => pattern.exec(dockerfile)?.[1] ?? assert.fail(`${pattern}`);
const UID = Number(word(/useradd --uid (\d+)/));
const DATA = word(/^VOLUME (\S+)$/m);

/** Capabilities of the run command, of the programs that take them, and of the manifests: always these two. */
const CAPABILITIES = ['NET_ADMIN', 'NET_BIND_SERVICE'];

interface Service {
  readonly build: { readonly context: string; readonly dockerfile: string };
  readonly cap_drop: readonly string[];
  readonly cap_add: readonly string[];
  readonly devices: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly read_only: boolean;
  readonly tmpfs: readonly string[];
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
}

interface Container {
  readonly securityContext: {
    readonly runAsNonRoot?: boolean;
    readonly runAsUser: number;
    readonly allowPrivilegeEscalation: boolean;
    readonly readOnlyRootFilesystem: boolean;
    readonly capabilities: { readonly drop: readonly string[]; readonly add: readonly string[] };
  };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly command?: readonly string[];
}

interface Deployment {
  readonly kind: string;
  readonly spec: {
    readonly replicas: number;
    readonly template: {
      readonly spec: {
        readonly initContainers: readonly [Container];
        readonly containers: readonly [Container];
        readonly volumes: readonly { readonly name: string; readonly hostPath?: { readonly type: string } }[];
      };
    };
  };
}

test('no image is taken by a name that may come to mean another one: each stage has a digest, or is one of the others', () => {
  const base = word(/^ARG BASE=(\S+)$/m);
  assert.match(base, /^node:24-bookworm-slim@sha256:[0-9a-f]{64}$/);
  const stages = [...dockerfile.matchAll(/^FROM (\S+)(?: AS (\S+))?$/gm)].map(([, image, name]) => ({ image, name }));
  assert.deepEqual(
    stages.map(({ image = '' }) => /^\$\{(\w+)\}$/.exec(image)?.[1]),
    ['BASE', 'BASE'],
  );
  const names = stages.map(({ name }) => name);
  const copied = [...dockerfile.matchAll(/--from=(\S+)/g)].map(([, name]) => name);
  assert.deepEqual(
    copied.filter((name) => !names.includes(name)),
    [],
  );
  // Nor may a later argument or a frontend of BuildKit take its place.
  assert.equal(dockerfile.match(/\bBASE\b/g)?.length, 3);
  assert.doesNotMatch(dockerfile, /^# *syntax=/im);
});

test('the image: a user, a health check, an entry point that can be run', () => {
  assert.equal(word(/^USER (\S+)$/m), 'sstpd');
  assert.match(dockerfile, /^HEALTHCHECK /m);
  const entrypoint = word(/^COPY (docker\/\S+) /m);
  assert.equal(statSync(entrypoint).mode & 0o111, 0o111);
  const granted = word(/setcap (\S+)=p /).split(',');
  assert.deepEqual(
    granted.map((name) => name.replace('cap_', '').toUpperCase()),
    CAPABILITIES,
  );
  assert.match(readFileSync(entrypoint, 'utf8'), /\+net_admin,\+net_bind_service /);
});

test('compose.yaml: two capabilities, the device, forwarding, a read-only root with the data on a volume', () => {
  const { services } = load(readFileSync('docker/compose.yaml', 'utf8')) as { services: { sstpd: Service } };
  const service = services.sstpd;
  assert.deepEqual(service.build, { context: '..', dockerfile: 'docker/Dockerfile' });
  assert.deepEqual([service.cap_drop, service.cap_add], [['ALL'], CAPABILITIES]);
  assert.deepEqual(service.devices, ['/dev/net/tun']);
  assert.equal(service.sysctls['net.ipv4.ip_forward'], '1');
  assert.equal(service.sysctls['net.ipv6.conf.all.forwarding'], '1');
  assert.deepEqual([service.read_only, service.tmpfs], [true, ['/tmp']]);
  assert.deepEqual(service.volumes, [`data:${DATA}`]);
  assert.equal('security_opt' in service, false);
});

test('kubernetes.yaml: the same rights, the account of the image, and its data directory from a volume', () => {
  const documents = loadAll(readFileSync('docker/kubernetes.yaml', 'utf8')) as { kind: string }[];
  assert.deepEqual(
    documents.map(({ kind }) => kind),
    ['PersistentVolumeClaim', 'Deployment', 'Service'],
  );
  const { spec } = documents[1] as Deployment;
  assert.equal(spec.replicas, 1);
  const { containers, initContainers, volumes } = spec.template.spec;
  const [container] = containers;
  assert.deepEqual(container.securityContext.capabilities, { drop: ['ALL'], add: CAPABILITIES });
  assert.deepEqual([container.securityContext.runAsNonRoot, container.securityContext.runAsUser], [true, UID]);
  assert.equal(container.securityContext.allowPrivilegeEscalation, true);
  assert.equal(container.securityContext.readOnlyRootFilesystem, true);
  const mounts = new Map(container.volumeMounts.map((mount) => [mount.mountPath, mount]));
  assert.deepEqual([...mounts.keys()].toSorted(), ['/dev/net/tun', '/tmp', DATA]);
  for (const { name } of mounts.values())
    assert.ok(
      volumes.some((volume) => volume.name === name),
      name,
    );
  assert.equal(volumes.find(({ name }) => name === mounts.get('/dev/net/tun')?.name)?.hostPath?.type, 'CharDevice');
  const [init] = initContainers;
  const target = `${init.volumeMounts[0]?.mountPath}/${mounts.get(DATA)?.subPath}`;
  assert.deepEqual(init.command, ['install', '-d', '-m', '0700', '-o', `${UID}`, '-g', `${UID}`, target]);
  assert.equal(init.volumeMounts[0]?.name, mounts.get(DATA)?.name);
});
