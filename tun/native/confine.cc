#include "confine.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "arguments.h"
#include "cage_filter.h"

namespace tun {

namespace {

// 0 or the error. All threads get it, those of V8 and libuv too, or none does.
int SetFilter(bool opens_files) {
#ifdef SSTPD_HAS_CAGE
  const auto filter = std::make_unique<cage::Filter>();
  cage::BuildSecond(filter.get(), opens_files);
  const sock_fprog program = {filter->length, filter->code};
  const long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (result > 0) return EBUSY;  // the thread that has a filter of its own
  return result == 0 ? 0 : errno;
#else
  static_cast<void>(opens_files);
  return ENOSYS;
#endif
}

}  // namespace

napi_value Confine(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int32_t opens_files = 0;
  if (!ReadArguments(env, info, 1, arguments) || !ReadInt32(env, arguments[0], &opens_files)) return nullptr;
  if (opens_files != 0 && opens_files != 1) {
    ThrowArgument(env, "whether it opens files is 0 or 1");
    return nullptr;
  }
  const int error = SetFilter(opens_files != 0);
  if (error != 0) ThrowErrno(env, error, "seccomp");
  return nullptr;
}

}  // namespace tun
