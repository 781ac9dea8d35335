// An addon for tests: system calls by hand, as somebody would make them who runs code of his own in a worker.
#include <node_api.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace {

struct Named {
  const char* name;
  long number;
};

const Named kNumbers[] = {
    {"accept4", SYS_accept4},
    {"add_key", SYS_add_key},
    {"bind", SYS_bind},
    {"bpf", SYS_bpf},
    {"capset", SYS_capset},
    {"chroot", SYS_chroot},
    {"clone", SYS_clone},
    {"clone3", SYS_clone3},
    {"connect", SYS_connect},
    {"execve", SYS_execve},
    {"execveat", SYS_execveat},
    {"fallocate", SYS_fallocate},
    {"fanotify_init", SYS_fanotify_init},
    {"fchmod", SYS_fchmod},
    {"fchmodat", SYS_fchmodat},
    {"fchmodat2", 452},
    {"fchownat", SYS_fchownat},
    {"fcntl", SYS_fcntl},
    {"fsopen", SYS_fsopen},
    {"ftruncate", SYS_ftruncate},
    {"getpid", SYS_getpid},
    {"inotify_init1", SYS_inotify_init1},
    {"io_uring_setup", SYS_io_uring_setup},
    {"ioctl", SYS_ioctl},
    {"ioprio_set", SYS_ioprio_set},
    {"kcmp", SYS_kcmp},
    {"keyctl", SYS_keyctl},
    {"kill", SYS_kill},
    {"linkat", SYS_linkat},
    {"listen", SYS_listen},
    {"memfd_create", SYS_memfd_create},
    {"mkdirat", SYS_mkdirat},
    {"mknodat", SYS_mknodat},
    {"mount", SYS_mount},
    {"move_mount", SYS_move_mount},
    {"mq_open", SYS_mq_open},
    {"msgget", SYS_msgget},
    {"name_to_handle_at", SYS_name_to_handle_at},
    {"open_by_handle_at", SYS_open_by_handle_at},
    {"open_tree", SYS_open_tree},
    {"openat", SYS_openat},
    {"openat2", SYS_openat2},
    {"perf_event_open", SYS_perf_event_open},
    {"personality", SYS_personality},
    {"pidfd_getfd", SYS_pidfd_getfd},
    {"pidfd_open", SYS_pidfd_open},
    {"pidfd_send_signal", SYS_pidfd_send_signal},
    {"pivot_root", SYS_pivot_root},
    {"prctl", SYS_prctl},
    {"prlimit64", SYS_prlimit64},
    {"process_madvise", SYS_process_madvise},
    {"process_vm_readv", SYS_process_vm_readv},
    {"process_vm_writev", SYS_process_vm_writev},
    {"ptrace", SYS_ptrace},
    {"renameat2", SYS_renameat2},
    {"request_key", SYS_request_key},
    {"rt_sigqueueinfo", SYS_rt_sigqueueinfo},
    {"rt_tgsigqueueinfo", SYS_rt_tgsigqueueinfo},
    {"sched_setaffinity", SYS_sched_setaffinity},
    {"semget", SYS_semget},
    {"sendmmsg", SYS_sendmmsg},
    {"sendmsg", SYS_sendmsg},
    {"sendto", SYS_sendto},
    {"setns", SYS_setns},
    {"setpriority", SYS_setpriority},
    {"setxattr", SYS_setxattr},
    {"shmget", SYS_shmget},
    {"socket", SYS_socket},
    {"setsockopt", SYS_setsockopt},
    {"socketpair", SYS_socketpair},
    {"symlinkat", SYS_symlinkat},
    {"syslog", SYS_syslog},
    {"tgkill", SYS_tgkill},
    {"tkill", SYS_tkill},
    {"truncate", SYS_truncate},
    {"umount2", SYS_umount2},
    {"unlinkat", SYS_unlinkat},
    {"unshare", SYS_unshare},
    {"userfaultfd", SYS_userfaultfd},
    {"utimensat", SYS_utimensat},
};

constexpr size_t kArguments = 6;

// A number, or the memory of a Buffer.
bool ReadWord(napi_env env, napi_value value, long* word) {
  bool is_buffer = false;
  napi_is_buffer(env, value, &is_buffer);
  if (is_buffer) {
    void* data = nullptr;
    size_t length = 0;
    napi_get_buffer_info(env, value, &data, &length);
    *word = reinterpret_cast<long>(data);
    return true;
  }
  int64_t number = 0;
  if (napi_get_value_int64(env, value, &number) != napi_ok) return false;
  *word = static_cast<long>(number);
  return true;
}

napi_value Number(napi_env env, long value) {
  napi_value result = nullptr;
  napi_create_int64(env, value, &result);
  return result;
}

// (name or number, up to six numbers or Buffers) -> what the kernel says; an error as a negative number.
napi_value Call(napi_env env, napi_callback_info info) {
  napi_value given[kArguments + 1];
  size_t count = kArguments + 1;
  napi_get_cb_info(env, info, &count, given, nullptr, nullptr);
  long number = -1;
  char name[64] = {};
  if (count > 0 && napi_get_value_string_utf8(env, given[0], name, sizeof(name), nullptr) == napi_ok) {
    for (const Named& one : kNumbers) {
      if (std::strcmp(one.name, name) == 0) number = one.number;
    }
    if (number == -1) napi_throw_error(env, nullptr, name);
  } else if (count == 0 || !ReadWord(env, given[0], &number)) {
    napi_throw_error(env, nullptr, "no number");
  }
  long words[kArguments] = {};
  for (size_t i = 1; i < count; i++) ReadWord(env, given[i], &words[i - 1]);
  const long result = syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
  return Number(env, result == -1 ? -errno : result);
}

// getpid by the entry of 32-bit programs; 0 where the processor has none.
napi_value Call32(napi_env env, napi_callback_info) {
  long result = 0;
#if defined(__x86_64__)
  asm volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
  result = static_cast<int32_t>(result);
#endif
  return Number(env, result);
}

// The address of a Buffer's memory, for structures that point to others.
napi_value AddressOf(napi_env env, napi_callback_info info) {
  napi_value given[1];
  size_t count = 1;
  napi_get_cb_info(env, info, &count, given, nullptr, nullptr);
  long word = 0;
  ReadWord(env, given[0], &word);
  return Number(env, word);
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function = nullptr;
  napi_create_function(env, "call", NAPI_AUTO_LENGTH, Call, nullptr, &function);
  napi_set_named_property(env, exports, "call", function);
  napi_create_function(env, "call32", NAPI_AUTO_LENGTH, Call32, nullptr, &function);
  napi_set_named_property(env, exports, "call32", function);
  napi_create_function(env, "addressOf", NAPI_AUTO_LENGTH, AddressOf, nullptr, &function);
  napi_set_named_property(env, exports, "addressOf", function);
  return exports;
}
