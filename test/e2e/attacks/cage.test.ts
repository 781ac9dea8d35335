/** What somebody who runs code of his own in a worker gets out of it: nothing, at each ABI of Landlock. */
// Needs: setpriv
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { probeCage } from '../../../server/host/cage.ts';
import type { CagePlan } from '../../../server/host/cage-plan.ts';
import type { WorkerProgram } from '../../../server/workers/program.ts';
import { type CageLayers, NO_CAGE } from '../../../tun/cage-layers.ts';
import { around } from '../../support/around.ts';
import { tunMissing } from '../../support/netns.ts';
import { openly } from '../../support/other-user.ts';
import { buildRawSyscalls, loadRawSyscalls } from '../../support/raw-syscall.ts';
import type { SstpdServer } from '../../support/sstpd-server.ts';
import { VpnLab } from '../../support/vpn-lab.ts';
import type { Outcome, Plan } from './escapes.ts';

const skip = tunMissing() ?? false;
const PROGRAM = new URL('../../../server/workers/program.ts', import.meta.url).href;
const ESCAPES = join(import.meta.dirname, 'escapes.ts');
const ABIS = [0, 2, 4, 6, 99];
/** What works outside, so that a list on which nothing works shows something. */
const WORK_OUTSIDE = [
  "read the users' key",
  "read the users' key on a thread of the pool",
  'read /etc/passwd',
  'list the data directory',
  'make a file',
  'write to a file',
  'make a folder, a link, a pipe',
  'truncate, chmod, chown, utime, setxattr',
  'signal the supervisor',
  'signal by a descriptor',
  'make a socket of any kind',
  'connect to admin.sock',
  'bind a socket that is there',
  'send to an address by it',
  'take the connections of others by an option of the port',
  'other options of sockets',
  'start a program',
  'make memory that can be executed as a file',
  'keys of the kernel',
  'look on at files',
  'memory and messages by name',
  'be traced by others',
];
/** Of those, what seccomp can't tell from the reading of a folder that is to be read. */
const READING = [
  "read the users' key",
  "read the users' key on a thread of the pool",
  'read /etc/passwd',
  'list the data directory',
];

let lab: VpnLab;
let server: SstpdServer;
let listener: Server;
let raw: string;
let site: string;
/** Whom the server became. */
let ids: { readonly uid: number; readonly gid: number };

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create();
    server = await lab.serveAnn({ args: ['--workers', '1'] });
    const idOf = (name: string): number => Number(server.status(name).split('\t')[0]);
    ids = { uid: idOf('Uid'), gid: idOf('Gid') };
    assert.notEqual(ids.uid, 0);
    raw = buildRawSyscalls(lab.folder);
    site = join(lab.folder, 'site');
    mkdirSync(site);
    writeFileSync(join(site, 'index.html'), 'a page');
    listener = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(listener, 'listening');
  },
  async () => {
    if (skip) return;
    listener.close();
    await lab.destroy();
  },
);

/** Tries all escapes in a process that starts as a worker does. */
async function escapesOf(
  layers: CageLayers,
  confine: Plan['confine'],
  reads: readonly string[] = [],
): Promise<Record<string, Outcome>> {
  const own = join(lab.folder, `own-${process.hrtime.bigint()}`);
  mkdirSync(own);
  const ownFile = join(own, 'file');
  writeFileSync(ownFile, 'x');
  for (const path of [own, ownFile]) chownSync(path, ids.uid, ids.gid);
  const file = openSync(ownFile, 'r+');
  // Neither bound nor connected, which Node never hands out.
  const { call } = loadRawSyscalls(raw);
  const [socket, other] = [call('socket', 2, 1, 0), call('socket', 2, 1, 0)];
  const bound = listener.address();
  assert.ok(socket >= 0 && other >= 0 && typeof bound === 'object' && bound !== null);
  const plan: Plan = {
    ...{ raw, confine, ids, data: lab.data, own, ownFile, supervisor: server.process.pid, port: bound.port },
    ...{ socketFd: 3, fileFd: 4, connectFd: 5 },
  };
  const program = locate({
    layers,
    reads: [raw, import.meta.dirname, join(import.meta.dirname, '../../support'), ...reads],
  });
  const main = program.args.findIndex((word) => word.endsWith('worker-main.ts'));
  assert.notEqual(main, -1);
  const args = [...program.args.slice(0, main), ESCAPES, JSON.stringify(plan)];
  const become = ['--reuid', String(ids.uid), '--regid', String(ids.gid), '--clear-groups', '--no-new-privs'];
  const [command = '', ...words] = openly(['setpriv', ...become, program.command, ...args]);
  const child = spawn(command, words, {
    stdio: ['ignore', 'pipe', 'pipe', socket, file, other],
  });
  closeSync(file);
  closeSync(socket);
  closeSync(other);
  const [said, complaint] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
  ]);
  assert.equal(complaint, '');
  return JSON.parse(said) as Record<string, Outcome>;
}

/** The program of a worker where everybody may enter this clone. */
function locate(cage: CagePlan): WorkerProgram {
  // By standard input: flags of Node would be the worker's, too.
  const input = `import(${JSON.stringify(PROGRAM)}).then(({ locateWorker }) =>
    console.log(JSON.stringify(locateWorker(${ids.uid}, ${JSON.stringify(cage)}))));`;
  const [command = '', ...args] = openly([process.execPath]);
  const program = JSON.parse(execFileSync(command, args, { input, encoding: 'utf8' })) as WorkerProgram;
  assert.deepEqual(program.descriptors, []);
  return program;
}

const outOf = (outcomes: Record<string, Outcome>): string[] =>
  Object.keys(outcomes).filter((name) => outcomes[name] === 'out');

test('outside of a cage the ways are open', { skip }, async () => {
  const open = outOf(await escapesOf(NO_CAGE, undefined));
  for (const name of WORK_OUTSIDE) assert.ok(open.includes(name), name);
});

for (const most of ABIS) {
  test(`at ABI ${most === 99 ? 'of this kernel' : most} of Landlock a worker gets out by none of them`, {
    skip,
  }, async (t) => {
    const layers = probeCage(most);
    if (layers.landlock < most && most !== 99) {
      t.skip(`this kernel has ABI ${layers.landlock}`);
      return;
    }
    assert.equal(layers.seccomp, true);
    const outcomes = await escapesOf(layers, { opensFiles: false });
    assert.deepEqual(outOf(outcomes), []);
    assert.ok(Object.keys(outcomes).length > WORK_OUTSIDE.length);
  });

  test(`with a folder to show, at ABI ${most === 99 ? 'of this kernel' : most}: it can be read, and nothing else`, {
    skip,
  }, async () => {
    const layers = probeCage(most);
    const outcomes = await escapesOf(layers, { opensFiles: true }, [site]);
    assert.deepEqual(outOf(outcomes), layers.landlock === 0 ? READING : []);
  });
}
