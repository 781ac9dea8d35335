#include "privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "arguments.h"

namespace tun {

namespace {

struct Capabilities {
  uint64_t effective = 0;
  uint64_t permitted = 0;
};

// Of the calling thread. glibc has no wrapper for either call.
bool GetCapabilities(Capabilities* result) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) == -1) return false;
  result->effective = data[0].effective | static_cast<uint64_t>(data[1].effective) << 32;
  result->permitted = data[0].permitted | static_cast<uint64_t>(data[1].permitted) << 32;
  return true;
}

// Inheritable too: without it a capability cannot become ambient, and `ip` and `nft` would start with none.
bool SetCapabilities(const Capabilities& wanted, uint64_t inheritable) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int half = 0; half < 2; half++) {
    const auto bits = [half](uint64_t set) { return static_cast<uint32_t>(set >> (32 * half)); };
    data[half] = {bits(wanted.effective), bits(wanted.permitted), bits(inheritable)};
  }
  return syscall(SYS_capset, &header, data) == 0;
}

// Asking for the state of a capability that the kernel does not know fails: the end of the list.
bool IsKnownCapability(int capability) { return prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != -1; }

bool IsIn(uint64_t set, int capability) { return (set >> capability & 1) != 0; }

// Needs CAP_SETPCAP. Where that is missing the bounding set stays: no_new_privs makes it useless to us anyway.
void NarrowBoundingSet(uint64_t keep) {
  for (int capability = 0; capability < 64 && IsKnownCapability(capability); capability++) {
    if (!IsIn(keep, capability)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

// Ambient capabilities are what an ordinary executable keeps across execve(2).
bool SetAmbient(uint64_t keep) {
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1) return false;
  for (int capability = 0; capability < 64; capability++) {
    if (IsIn(keep, capability) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == -1) return false;
  }
  return true;
}

// A child that root starts has all that the bounding set allows; from now on it has what is ambient, like anybody's.
// Needs CAP_SETPCAP, without which root's children keep the two of the bounding set.
void MakeRootOrdinary() { prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0); }

// glibc's set*id functions change all threads of the process, the bare system calls only the calling one.
// Returns the name of the call that failed.
const char* ChangeUser(uid_t uid, gid_t gid) {
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1) return "prctl(PR_SET_KEEPCAPS)";
  if (setgroups(0, nullptr) == -1) return "setgroups";
  if (setresgid(gid, gid, gid) == -1) return "setresgid";
  if (setresuid(uid, uid, uid) == -1) return "setresuid";
  return nullptr;
}

napi_value MakeMask(napi_env env, uint64_t mask) {
  napi_value result = nullptr;
  napi_create_bigint_uint64(env, mask, &result);
  return result;
}

}  // namespace

napi_value LockFile(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int32_t fd = -1;
  if (!ReadArguments(env, info, 1, arguments) || !ReadInt32(env, arguments[0], &fd)) return nullptr;
  int status = 0;
  do {
    status = flock(fd, LOCK_EX | LOCK_NB);
  } while (status == -1 && errno == EINTR);
  if (status == -1 && errno != EWOULDBLOCK) {
    ThrowErrno(env, errno, "flock");
    return nullptr;
  }
  napi_value result = nullptr;
  napi_get_boolean(env, status == 0, &result);
  return result;
}

napi_value EffectiveCapabilities(napi_env env, napi_callback_info info) {
  if (!ReadArguments(env, info, 0, nullptr)) return nullptr;
  Capabilities now;
  if (!GetCapabilities(&now)) {
    ThrowErrno(env, errno, "capget");
    return nullptr;
  }
  return MakeMask(env, now.effective);
}

// The order matters: the bounding set while CAP_SETPCAP is effective, the user while CAP_SETUID is, then the
// capabilities that survived as permitted ones (PR_SET_KEEPCAPS) become effective, inheritable and ambient.
napi_value DropPrivileges(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t keep = 0;
  if (!ReadArguments(env, info, 3, arguments) || !ReadUint32(env, arguments[0], &uid) ||
      !ReadUint32(env, arguments[1], &gid) || !ReadMask(env, arguments[2], &keep)) {
    return nullptr;
  }
  // setresuid(2) takes the largest number for "leave it as it is".
  if (uid == UINT32_MAX || gid == UINT32_MAX) {
    ThrowArgument(env, "uid and gid must be below 4294967295");
    return nullptr;
  }
  NarrowBoundingSet(keep);
  if (uid == 0) MakeRootOrdinary();
  const bool isAlready = getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid;
  const char* failed = isAlready ? nullptr : ChangeUser(uid, gid);
  Capabilities now;
  if (failed == nullptr && !GetCapabilities(&now)) failed = "capget";
  const uint64_t kept = keep & now.permitted;
  if (failed == nullptr && !SetCapabilities({kept, kept}, kept)) failed = "capset";
  if (failed == nullptr && !SetAmbient(kept)) failed = "prctl(PR_CAP_AMBIENT)";
  // Ambient capabilities outlive no_new_privs; set-user-id helpers, which do not, are not used.
  if (failed == nullptr && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) failed = "prctl(PR_SET_NO_NEW_PRIVS)";
  // Private keys and passwords in this process: no core dump, no ptrace by the user it now runs as.
  if (failed == nullptr && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1) failed = "prctl(PR_SET_DUMPABLE)";
  if (failed == nullptr && !GetCapabilities(&now)) failed = "capget";
  if (failed != nullptr) {
    ThrowErrno(env, errno, failed);
    return nullptr;
  }
  return MakeMask(env, now.effective);
}

napi_value SetAmbientCapabilities(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  uint64_t keep = 0;
  Capabilities now;
  if (!ReadArguments(env, info, 1, arguments) || !ReadMask(env, arguments[0], &keep)) return nullptr;
  if (!GetCapabilities(&now) || !SetCapabilities(now, keep & now.permitted) || !SetAmbient(keep & now.permitted)) {
    ThrowErrno(env, errno, "prctl(PR_CAP_AMBIENT)");
  }
  return nullptr;
}

}  // namespace tun
