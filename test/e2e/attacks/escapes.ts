/**
 * Ways out of a worker's cage, each tried by hand, as somebody would who runs code of his own in a worker. A program of
 * its own: `node escapes.ts PLAN`, where PLAN is the JSON of `Plan`. It does what a worker does when it is ready, tries
 * them all, and prints one JSON line with what came of each.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { confine, dropPrivileges } from '../../../tun/index.ts';
import { loadRawSyscalls, type RawSyscalls } from '../../support/raw-syscall.ts';

export interface Plan {
  readonly raw: string;
  /** As a worker that is ready; undefined: not at all. */
  readonly confine: { readonly opensFiles: boolean } | undefined;
  readonly ids: { readonly uid: number; readonly gid: number };
  /** The server's data directory. */
  readonly data: string;
  /** A folder and a file in it that the user may change. */
  readonly own: string;
  readonly ownFile: string;
  readonly supervisor: number;
  /** Where something listens on loopback. */
  readonly port: number;
  /** Inherited: two TCP sockets that are neither bound nor connected, and a file that is open for writing. */
  readonly socketFd: number;
  readonly connectFd: number;
  readonly fileFd: number;
}

/** `out`: it worked. Else the error of each way that was tried, in one text. */
export type Outcome = 'out' | string;

const AT_FDCWD = -100;
const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_RDWR = 2;
const SIGURG = 23; // ignored unless somebody waits for it
const AF_UNIX = 1;
const AF_INET = 2;
const AF_NETLINK = 16;
const SOL_SOCKET = 1;
const MSG_FASTOPEN = 0x20000000;

const plan = JSON.parse(process.argv[2] ?? '') as Plan;
const raw: RawSyscalls = loadRawSyscalls(plan.raw);
const text = (value: string): Buffer => Buffer.from(`${value}\0`);
const { call } = raw;
const { supervisor, own, data, socketFd, fileFd } = plan;

const address = Buffer.alloc(16);
address.writeUInt16LE(AF_INET, 0);
address.writeUInt16BE(plan.port, 2);
address.set([127, 0, 0, 1], 4);
const unixAddress = Buffer.alloc(110);
unixAddress.writeUInt16LE(AF_UNIX, 0);
unixAddress.write(join(data, 'admin.sock'), 2);

const open = (path: string, flags: number): number => call('openat', AT_FDCWD, text(path), flags, 0o600);
const words = (...values: readonly number[]): Buffer => {
  const buffer = Buffer.alloc(8 * values.length);
  for (const [index, value] of values.entries()) buffer.writeBigInt64LE(BigInt(value), 8 * index);
  return buffer;
};
const int = (value: number): Buffer => Buffer.from(Int32Array.of(value).buffer);
const iovec = (buffer: Buffer): Buffer => words(raw.addressOf(buffer), buffer.length);
const message = (to: Buffer, buffer: Buffer): Buffer =>
  words(raw.addressOf(to), to.length, raw.addressOf(iovec(buffer)), 1, 0, 0, 0);

/** Each gives the results of system calls, of which none may be a success, or throws. */
const ESCAPES: Readonly<Record<string, () => readonly number[] | Promise<readonly number[]>>> = {
  "read the users' key": () => [open(join(data, 'users.key'), 0)],
  "read the authority's key": () => [open(join(data, 'ca.key'), 0)],
  "read the users' key on a thread of the pool": async () => [(await readFile(join(data, 'users.key'))).length],
  'read by another call': () => [call('openat2', AT_FDCWD, text(join(data, 'users.key')), words(0, 0, 0), 24)],
  'read /etc/passwd': () => [open('/etc/passwd', 0)],
  'list the data directory': () => [open(data, 0o200000)],
  'read what the supervisor has in memory': () => [open(`/proc/${supervisor}/mem`, 0)],
  "read the supervisor's environment": () => [open(`/proc/${supervisor}/environ`, 0)],
  "go by the supervisor's root": () => [open(`/proc/${supervisor}/root/etc/passwd`, 0)],
  'open the TUN device': () => [open('/dev/net/tun', O_RDWR)],
  'open the terminal': () => [open('/dev/tty', O_RDWR)],
  'make a file': () => [open(join(own, 'new'), O_WRONLY | O_CREAT)],
  'write to a file': () => [open(plan.ownFile, O_WRONLY)],
  'make a folder, a link, a pipe': () => [
    call('mkdirat', AT_FDCWD, text(join(own, 'folder')), 0o700),
    call('symlinkat', text('x'), AT_FDCWD, text(join(own, 'link'))),
    call('linkat', AT_FDCWD, text(plan.ownFile), AT_FDCWD, text(join(own, 'second')), 0),
    call('mknodat', AT_FDCWD, text(join(own, 'pipe')), 0o010600, 0),
  ],
  'rename and remove': () => [
    call('renameat2', AT_FDCWD, text(plan.ownFile), AT_FDCWD, text(join(own, 'renamed')), 0),
    call('unlinkat', AT_FDCWD, text(plan.ownFile), 0),
  ],
  'truncate, chmod, chown, utime, setxattr': () => [
    call('truncate', text(plan.ownFile), 0),
    call('fchmodat', AT_FDCWD, text(plan.ownFile), 0o777),
    call('fchmodat2', AT_FDCWD, text(plan.ownFile), 0o777, 0),
    call('fchownat', AT_FDCWD, text(plan.ownFile), plan.ids.uid, plan.ids.gid, 0),
    call('utimensat', AT_FDCWD, text(plan.ownFile), 0, 0),
    call('setxattr', text(plan.ownFile), text('user.x'), text('x'), 1, 0),
  ],
  'change a file by its descriptor': () => [
    call('ftruncate', fileFd, 0),
    call('fallocate', fileFd, 0, 0, 1),
    call('fchmod', fileFd, 0o777),
    call('utimensat', fileFd, 0, 0, 0),
  ],
  'signal the supervisor': () => [
    call('kill', supervisor, SIGURG),
    call('kill', supervisor, 0),
    call('tgkill', supervisor, supervisor, SIGURG),
    call('tkill', supervisor, SIGURG),
    call('rt_sigqueueinfo', supervisor, SIGURG, signalInfo()),
    call('rt_tgsigqueueinfo', supervisor, supervisor, SIGURG, signalInfo()),
  ],
  'signal everybody': () => [call('kill', 0, SIGURG), call('kill', -1, 0)],
  'signal by a descriptor': () => {
    const fd = call('pidfd_open', supervisor, 0);
    return fd < 0 ? [fd] : [call('pidfd_send_signal', fd, SIGURG, 0, 0)];
  },
  'have the kernel signal the supervisor': () => [
    call('fcntl', fileFd, 8, supervisor), // F_SETOWN
    call('fcntl', fileFd, 10, 9), // F_SETSIG
    call('fcntl', fileFd, 15, words((supervisor << 32) | 1)), // F_SETOWN_EX
    call('ioctl', socketFd, 0x8901, Buffer.from(Int32Array.of(supervisor).buffer)), // FIOSETOWN
  ],
  'trace the supervisor': () => [call('ptrace', 16, supervisor, 0, 0), call('ptrace', 0x4206, supervisor, 0, 0)],
  "read and write another process's memory": () => [
    call('process_vm_readv', supervisor, iovec(Buffer.alloc(8)), 1, iovec(Buffer.alloc(8)), 1, 0),
    call('process_vm_writev', supervisor, iovec(Buffer.alloc(8)), 1, iovec(Buffer.alloc(8)), 1, 0),
    call('process_madvise', 0, iovec(Buffer.alloc(8)), 1, 4, 0),
    call('kcmp', supervisor, process.pid, 0, 0, 0),
  ],
  "change the supervisor's limits and turns": () => [
    call('prlimit64', supervisor, 7, words(64, 64), 0),
    call('setpriority', 0, supervisor, 19),
    call('sched_setaffinity', supervisor, 8, words(1)),
    call('ioprio_set', 1, supervisor, 0x4000),
  ],
  'take a descriptor of the supervisor': () => [call('pidfd_getfd', fileFd, 0, 0)],
  'make a socket of any kind': () => [
    call('socket', AF_INET, 1, 0),
    call('socket', AF_INET, 2, 0),
    call('socket', 10, 1, 0),
    call('socket', AF_UNIX, 1, 0),
    call('socket', AF_NETLINK, 3, 0),
    call('socket', 17, 3, 0), // AF_PACKET
    call('socket', 38, 5, 0), // AF_ALG
    call('socketpair', AF_UNIX, 1, 0, Buffer.alloc(8)),
  ],
  'connect to admin.sock': () => {
    const fd = call('socket', AF_UNIX, 1, 0);
    return fd < 0 ? [fd] : [call('connect', fd, unixAddress, 110)];
  },
  'bind a socket that is there': () => [
    call('bind', socketFd, Buffer.from([2, 0, 0, 0, 127, 0, 0, 1, ...Array(8).fill(0)]), 16),
  ],
  // Of a port that workers share, an option of one socket says who gets the connections of all.
  'take the connections of others by an option of the port': () => [
    call('setsockopt', socketFd, SOL_SOCKET, 15, int(1), 4), // SO_REUSEPORT
    call('setsockopt', socketFd, SOL_SOCKET, 51, returnsNothing(), 16), // SO_ATTACH_REUSEPORT_CBPF
    call('setsockopt', socketFd, SOL_SOCKET, 52, int(fileFd), 4), // SO_ATTACH_REUSEPORT_EBPF
    call('setsockopt', socketFd, SOL_SOCKET, 68, int(0), 4), // SO_DETACH_REUSEPORT_BPF
    call('setsockopt', socketFd, SOL_SOCKET, 49, int(0), 4), // SO_INCOMING_CPU
  ],
  'other options of sockets': () => [
    call('setsockopt', socketFd, SOL_SOCKET, 26, returnsNothing(), 16), // SO_ATTACH_FILTER
    call('setsockopt', socketFd, SOL_SOCKET, 8, int(4_096), 4), // SO_RCVBUF
    call('setsockopt', socketFd, 6, 31, text('tls'), 3), // TCP_ULP
    call('setsockopt', socketFd, 0, 1, int(8), 4), // IP_TOS
    call('setsockopt', socketFd, 41, 67, int(8), 4), // IPV6_TCLASS
  ],
  'listen on it': () => [call('listen', socketFd, 1)],
  'send to an address by it': () => [
    call('sendto', plan.connectFd, text('x'), 1, 0, address, 16),
    call('sendto', plan.connectFd, text('x'), 1, MSG_FASTOPEN, address, 16),
    call('sendmsg', plan.connectFd, message(address, text('x')), MSG_FASTOPEN),
    call('sendmmsg', plan.connectFd, Buffer.concat([message(address, text('x')), words(0)]), 1, MSG_FASTOPEN),
  ],
  'connect a socket that is there to 127.0.0.1': () => [call('connect', plan.connectFd, address, 16)],
  'start a program': () => {
    const { error, status } = spawnSync('/bin/sh', ['-c', 'exit 0']);
    if (error !== undefined) throw error;
    return [status ?? -1];
  },
  'fork and clone': () => [call('clone', 17, 0, 0, 0, 0), call('clone3', Buffer.alloc(64), 64)],
  'make memory that can be executed as a file': () => [call('memfd_create', text('x'), 0)],
  io_uring: () => [call('io_uring_setup', 4, Buffer.alloc(120))],
  userfaultfd: () => [call('userfaultfd', 1)],
  'bpf and perf events': () => [
    call('bpf', 5, Buffer.alloc(128), 128),
    call('perf_event_open', Buffer.alloc(128), 0, -1, -1, 0),
  ],
  'keys of the kernel': () => [
    call('keyctl', 0, -3, 0),
    call('add_key', text('user'), text('x'), text('x'), 1, -2),
    call('request_key', text('user'), text('x'), 0, -2),
  ],
  'other namespaces': () => [call('unshare', 0x10000000), call('unshare', 0), call('setns', fileFd, 0)],
  mounts: () => [
    call('mount', text('none'), text('/tmp'), text('tmpfs'), 0, 0),
    call('umount2', text('/tmp'), 0),
    call('pivot_root', text('/'), text('/')),
    call('chroot', text('/')),
    call('fsopen', text('tmpfs'), 0),
    call('open_tree', AT_FDCWD, text('/'), 0),
    call('move_mount', 0, text('/'), 0, text('/'), 0),
  ],
  'files by their handle': () => [
    call(
      'name_to_handle_at',
      AT_FDCWD,
      text(plan.ownFile),
      Buffer.concat([Buffer.from([64, 0, 0, 0]), Buffer.alloc(68)]),
      Buffer.alloc(4),
      0,
    ),
    call('open_by_handle_at', AT_FDCWD, Buffer.alloc(72), 0),
  ],
  'another personality': () => [call('personality', 0x0040000)],
  'look on at files': () => [call('inotify_init1', 0), call('fanotify_init', 0, 0)],
  "the kernel's log": () => [call('syslog', 3, Buffer.alloc(64), 64)],
  'memory and messages by name': () => [
    call('shmget', 0, 4096, 0o1600),
    call('semget', 0, 1, 0o1600),
    call('msgget', 0, 0o1600),
    call('mq_open', text('sstpd-escape'), O_RDWR | O_CREAT, 0o600, 0),
  ],
  'type into the terminal, keep the device': () => [
    call('ioctl', fileFd, 0x5412, text('x')), // TIOCSTI
    call('ioctl', fileFd, 0x400454cb, 1), // TUNSETPERSIST
    call('ioctl', fileFd, 0x400454ca, Buffer.alloc(40)), // TUNSETIFF
  ],
  'be traced by others': () => [call('prctl', 4, 1, 0, 0, 0), call('prctl', 0x59616d61, -1, 0, 0, 0)],
  'by the entry of 32-bit programs': () => (process.arch === 'x64' ? [raw.call32()] : [-1]),
  'by the numbers of x32': () => (process.arch === 'x64' ? [call(0x40000000 + 39)] : [-1]),
  'become another program': () => [
    call('execveat', AT_FDCWD, text('/bin/true'), words(0), words(0), 0),
    call('execve', text('/bin/true'), words(0), words(0)),
  ],
};

/** The classic BPF program `return 0`. */
function returnsNothing(): Buffer {
  return words(1, raw.addressOf(Buffer.from([0x06, 0, 0, 0, 0, 0, 0, 0])));
}

function signalInfo(): Buffer {
  const info = Buffer.alloc(128);
  info.writeInt32LE(SIGURG, 0);
  info.writeInt32LE(-1, 8); // SI_QUEUE
  return info;
}

/** Not without a cage: they would end this process, or leave something behind. */
const ONLY_IN_CAGE: ReadonlySet<string> = new Set([
  'become another program',
  'fork and clone',
  'change a file by its descriptor',
  'rename and remove',
  'signal everybody',
  'have the kernel signal the supervisor',
  "change the supervisor's limits and turns",
]);

async function outcomeOf(
  name: string,
  attempt: () => readonly number[] | Promise<readonly number[]>,
): Promise<Outcome> {
  if (plan.confine === undefined && ONLY_IN_CAGE.has(name)) return 'not tried';
  try {
    const results = await attempt();
    return results.some((result) => result >= 0) ? 'out' : results.join(' ');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error; // a slip in the list here
    return code;
  }
}

// What a worker has read by then.
readFileSync('/proc/self/status');
dropPrivileges({ ...plan.ids, keepCapabilities: [] });
if (plan.confine !== undefined) confine(plan.confine);
const outcomes: Record<string, Outcome> = {};
for (const [name, attempt] of Object.entries(ESCAPES)) outcomes[name] = await outcomeOf(name, attempt);
process.stdout.write(`${JSON.stringify(outcomes)}\n`);
