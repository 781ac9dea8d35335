#include "cage_filter.h"

#ifdef SSTPD_HAS_CAGE

#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

namespace cage {

namespace {

// errno and fcntl values, of which this file must not include a C library's.
constexpr uint32_t kEperm = 1;
constexpr uint32_t kEnosys = 38;

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | kEperm;
constexpr uint32_t kUnknown = SECCOMP_RET_ERRNO | kEnosys;

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
// Calls of the x32 ABI carry this bit, and would pass the numbers below.
constexpr uint32_t kX32Bit = 0x40000000;
#else
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif

// Calls that came after this list: no library depends on one of them. From 424 on all architectures count alike.
constexpr uint32_t kFirstUnknown = 463;

// Newer than the kernel headers that a build may have.
constexpr uint32_t kMountSetattr = 442;
constexpr uint32_t kQuotactlFd = 443;
constexpr uint32_t kMemfdSecret = 447;
constexpr uint32_t kProcessMrelease = 448;
constexpr uint32_t kFchmodat2 = 452;
constexpr uint32_t kMapShadowStack = 453;
constexpr uint32_t kStatmount = 457;
constexpr uint32_t kListmount = 458;

constexpr uint32_t kCloneThread = 0x00010000;
constexpr uint32_t kMsgFastopen = 0x20000000;
// O_ACCMODE, O_CREAT, O_TRUNC: the same numbers on both architectures. O_TMPFILE needs a mode that writes.
constexpr uint32_t kOpensToWrite = 03 | 0100 | 01000;

// Allowed whatever their arguments, and called for each packet or turn of the event loop: looked for first, because a
// kernel before 5.11 runs the filter at every call.
constexpr uint32_t kOften[] = {
    __NR_read,        __NR_write,    __NR_writev,     __NR_readv,  __NR_epoll_pwait,
    __NR_recvmsg,     __NR_recvfrom, __NR_futex,      __NR_getpid,      __NR_getsockopt,
    __NR_accept4,     __NR_epoll_ctl, __NR_close,     __NR_getsockname, __NR_getpeername,
    __NR_shutdown,    __NR_mprotect, __NR_madvise,
#if defined(__x86_64__)
    __NR_epoll_wait,
#endif
};

// Refused whatever their arguments. Some need a capability besides, which a worker has none of.
constexpr uint32_t kNever[] = {
    // Other processes: their memory, their descriptors, how they run.
    __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_process_madvise, kProcessMrelease, __NR_kcmp,
    __NR_pidfd_open, __NR_pidfd_getfd, __NR_pidfd_send_signal, __NR_tkill, __NR_migrate_pages, __NR_move_pages,
    __NR_get_robust_list, __NR_sched_setscheduler, __NR_sched_setparam, __NR_sched_setattr, __NR_ioprio_set,
    __NR_setpriority, __NR_perf_event_open,
    // Parts of the kernel that nothing here needs, and that programs broke out through.
    __NR_bpf, __NR_userfaultfd, __NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register, __NR_keyctl,
    __NR_add_key, __NR_request_key, __NR_personality, __NR_open_by_handle_at, __NR_name_to_handle_at,
    __NR_memfd_create, kMemfdSecret, __NR_fanotify_init, __NR_fanotify_mark, __NR_inotify_init1,
    __NR_inotify_add_watch, __NR_vmsplice, __NR_remap_file_pages, kMapShadowStack,
    // Namespaces, mounts and the machine.
    __NR_unshare, __NR_setns, __NR_mount, __NR_umount2, __NR_pivot_root, __NR_chroot, __NR_move_mount, __NR_open_tree,
    __NR_fsopen, __NR_fsconfig, __NR_fsmount, __NR_fspick, kMountSetattr, kStatmount, kListmount, __NR_swapon,
    __NR_swapoff, __NR_reboot, __NR_kexec_load, __NR_kexec_file_load, __NR_init_module, __NR_finit_module,
    __NR_delete_module, __NR_acct, __NR_quotactl, kQuotactlFd, __NR_syslog, __NR_sethostname, __NR_setdomainname,
    __NR_settimeofday, __NR_clock_settime, __NR_clock_adjtime, __NR_adjtimex, __NR_vhangup, __NR_nfsservctl,
    __NR_lookup_dcookie, __NR_sync, __NR_syncfs,
    // The network but for what is open already or comes from the supervisor.
    __NR_socket, __NR_socketpair, __NR_bind, __NR_connect, __NR_sendmmsg,
    // Memory and messages that are shared by name.
    __NR_shmget, __NR_shmat, __NR_shmctl, __NR_semget, __NR_semctl, __NR_semop, __NR_semtimedop, __NR_msgget,
    __NR_msgsnd, __NR_msgrcv, __NR_msgctl, __NR_mq_open, __NR_mq_unlink, __NR_mq_notify,
    // Files: nothing is made, changed or taken away. Also by a descriptor: the log may be a file.
    __NR_truncate, __NR_ftruncate, __NR_fallocate, __NR_fchmod, __NR_fchmodat, kFchmodat2, __NR_fchown, __NR_fchownat,
    __NR_setxattr, __NR_lsetxattr, __NR_fsetxattr, __NR_removexattr, __NR_lremovexattr, __NR_fremovexattr,
    __NR_utimensat, __NR_mkdirat, __NR_mknodat, __NR_unlinkat, __NR_renameat2, __NR_linkat, __NR_symlinkat,
#ifdef __NR_renameat
    __NR_renameat,
#endif
#if defined(__x86_64__)
    __NR_chmod, __NR_chown, __NR_lchown, __NR_utime, __NR_utimes, __NR_futimesat, __NR_mkdir, __NR_rmdir, __NR_mknod,
    __NR_unlink, __NR_rename, __NR_link, __NR_symlink, __NR_creat, __NR_fork, __NR_vfork, __NR_iopl, __NR_ioperm,
    __NR_modify_ldt, __NR_uselib, __NR_ustat, __NR_sysfs, __NR__sysctl, __NR_inotify_init, __NR_create_module,
    __NR_get_kernel_syms, __NR_query_module,
#endif
};

// Libraries ask for these first, and have another way where the kernel is too old for them.
constexpr uint32_t kTooNew[] = {__NR_clone3, __NR_openat2};

// What Node, libuv and the addon do; the rest would reach other devices, or a terminal's input.
constexpr uint32_t kIoctls[] = {
    0x5401,      // TCGETS: whether the log goes to a terminal
    0x5413,      // TIOCGWINSZ
    0x5411,      // SIOCOUTQ
    0x541b,      // FIONREAD
    0x5421,      // FIONBIO
    0x5450,      // FIONCLEX
    0x5451,      // FIOCLEX
    0x800454d2,  // TUNGETIFF
};

// What Node, libuv and the addon set. Options of a listener count for all that share its port, other workers' too: a
// program (SO_ATTACH_REUSEPORT_CBPF) or a processor (SO_INCOMING_CPU) would say who gets their connections.
constexpr uint32_t kSolSocket = 1;
constexpr uint32_t kSocketOptions[] = {9, 13};  // SO_KEEPALIVE, SO_LINGER
constexpr uint32_t kIpprotoTcp = 6;
// TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_CONGESTION, TCP_NOTSENT_LOWAT
constexpr uint32_t kTcpOptions[] = {1, 4, 5, 6, 13, 25};

// F_SETSIG, F_SETOWN and F_SETOWN_EX make the kernel send a signal to any process of the same user.
constexpr uint32_t kFcntls[] = {8, 10, 15};

// A list of instructions that grows; each check falls through to the next one.
class Writer {
 public:
  explicit Writer(Filter* filter) : filter_(filter) { filter_->length = 0; }

  void Architecture() {
    Load(offsetof(seccomp_data, arch));
    Add(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0);
    Return(kRefuse);
    Number();
#if defined(__x86_64__)
    Add(BPF_JMP | BPF_JGE | BPF_K, kX32Bit, 0, 1);
    Return(kRefuse);
#endif
  }

  void From(uint32_t number, uint32_t answer) {
    Add(BPF_JMP | BPF_JGE | BPF_K, number, 0, 1);
    Return(answer);
  }

  template <size_t n>
  void Each(const uint32_t (&numbers)[n], uint32_t answer) {
    for (const uint32_t number : numbers) One(number, answer);
  }

  void One(uint32_t number, uint32_t answer) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
    Return(answer);
  }

  // Refused unless this argument is one of the values. The kernel looks at its lower half alone: all of these are ints.
  template <size_t n>
  void Only(uint32_t number, unsigned argument, const uint32_t (&values)[n]) {
    Begin(number, argument, n + 3);
    for (size_t i = 0; i < n; i++) Add(BPF_JMP | BPF_JEQ | BPF_K, values[i], static_cast<uint8_t>(n - i), 0);
    Return(kRefuse);
    Return(kAllow);
  }

  // Refused if this argument is one of the values.
  template <size_t n>
  void AllBut(uint32_t number, unsigned argument, const uint32_t (&values)[n]) {
    Begin(number, argument, n + 3);
    for (size_t i = 0; i < n; i++) Add(BPF_JMP | BPF_JEQ | BPF_K, values[i], static_cast<uint8_t>(n - i), 0);
    Return(kAllow);
    Return(kRefuse);
  }

  // Refused if this argument has one of the bits.
  void Without(uint32_t number, unsigned argument, uint32_t bits) {
    Begin(number, argument, 4);
    Add(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
    Return(kRefuse);
    Return(kAllow);
  }

  // Refused unless this argument has the bit.
  void With(uint32_t number, unsigned argument, uint32_t bit) {
    Begin(number, argument, 4);
    Add(BPF_JMP | BPF_JSET | BPF_K, bit, 1, 0);
    Return(kRefuse);
    Return(kAllow);
  }

  // setsockopt(2) for these options of sockets and of TCP alone.
  template <size_t n, size_t m>
  void SocketOptions(const uint32_t (&of_sockets)[n], const uint32_t (&of_tcp)[m]) {
    Begin(__NR_setsockopt, 1, n + m + 8);
    Add(BPF_JMP | BPF_JEQ | BPF_K, kSolSocket, 0, n + 2);
    LoadArgument(2, false);
    for (size_t i = 0; i < n; i++) Add(BPF_JMP | BPF_JEQ | BPF_K, of_sockets[i], static_cast<uint8_t>(n - i + m + 3), 0);
    Return(kRefuse);
    Add(BPF_JMP | BPF_JEQ | BPF_K, kIpprotoTcp, 0, m + 1);
    LoadArgument(2, false);
    for (size_t i = 0; i < m; i++) Add(BPF_JMP | BPF_JEQ | BPF_K, of_tcp[i], static_cast<uint8_t>(m - i), 0);
    Return(kRefuse);
    Return(kAllow);
  }

  // send(2), but not to an address: that would be connect(2) by another name.
  void Sendto() {
    Begin(__NR_sendto, 3, 8);
    Add(BPF_JMP | BPF_JSET | BPF_K, kMsgFastopen, 4, 0);
    LoadArgument(4, false);
    Add(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2);
    LoadArgument(4, true);
    Add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    Return(kRefuse);
    Return(kAllow);
  }

  void End() { Return(kAllow); }

 private:
  // With `length` instructions to come that belong to this call alone.
  void Begin(uint32_t number, unsigned argument, size_t length) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, number, 0, static_cast<uint8_t>(length));
    LoadArgument(argument, false);
  }

  void LoadArgument(unsigned argument, bool upper) {
    Load(static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * argument + (upper ? 4 : 0)));
  }

  void Number() { Load(offsetof(seccomp_data, nr)); }
  void Load(size_t offset) { Add(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset), 0, 0); }
  void Return(uint32_t answer) { Add(BPF_RET | BPF_K, answer, 0, 0); }

  // A filter that does not fit is cut off, which the kernel refuses: each one has to end with an answer.
  void Add(unsigned code, uint32_t k, uint8_t if_true, uint8_t if_false) {
    if (filter_->length == kMostInstructions) return;
    sock_filter& next = filter_->code[filter_->length++];
    next.code = static_cast<uint16_t>(code);
    next.jt = if_true;
    next.jf = if_false;
    next.k = k;
  }

  Filter* filter_;
};

}  // namespace

void BuildFirst(Filter* filter, uint32_t own_pid) {
  Writer writer(filter);
  writer.Architecture();
  writer.Each(kOften, kAllow);
  writer.SocketOptions(kSocketOptions, kTcpOptions);
  writer.Without(__NR_sendmsg, 2, kMsgFastopen);
  writer.Sendto();
  writer.Only(__NR_ioctl, 1, kIoctls);
  writer.AllBut(__NR_fcntl, 1, kFcntls);
  writer.Without(__NR_openat, 2, kOpensToWrite);
#if defined(__x86_64__)
  writer.Without(__NR_open, 1, kOpensToWrite);
#endif
  writer.With(__NR_clone, 0, kCloneThread);
  // 0 is the caller for these two, and all of its group, the supervisor among them, for kill(2).
  const uint32_t own[] = {own_pid};
  const uint32_t own_or_zero[] = {0, own_pid};
  writer.Only(__NR_kill, 0, own);
  writer.Only(__NR_tgkill, 0, own);
  writer.Only(__NR_rt_sigqueueinfo, 0, own);
  writer.Only(__NR_rt_tgsigqueueinfo, 0, own);
  writer.Only(__NR_prlimit64, 0, own_or_zero);
  writer.Only(__NR_sched_setaffinity, 0, own_or_zero);
  writer.Each(kNever, kRefuse);
  writer.Each(kTooNew, kUnknown);
  writer.From(kFirstUnknown, kUnknown);
  writer.End();
}

void BuildSecond(Filter* filter, bool opens_files) {
  constexpr uint32_t kSetDumpable = 4;            // PR_SET_DUMPABLE
  constexpr uint32_t kSetPtracer = 0x59616d61;    // PR_SET_PTRACER
  constexpr uint32_t kPrctls[] = {kSetDumpable, kSetPtracer};
  constexpr uint32_t kNoMore[] = {__NR_execve, __NR_execveat, __NR_listen};
  Writer writer(filter);
  writer.Architecture();
  writer.Each(kOften, kAllow);
  writer.AllBut(__NR_prctl, 0, kPrctls);
  writer.Each(kNoMore, kRefuse);
  if (!opens_files) {
    writer.One(__NR_openat, kRefuse);
#if defined(__x86_64__)
    writer.One(__NR_open, kRefuse);
#endif
  }
  writer.End();
}

}  // namespace cage

#endif  // SSTPD_HAS_CAGE
