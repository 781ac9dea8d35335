/*
 * Loaded into linux.uml (LD_PRELOAD) on processors with AMX. User-Mode Linux keeps 2,696 bytes of floating-point state of
 * a process; there it is 11,000, and the host's kernel takes all of it or nothing (PTRACE_SETREGSET: EFAULT), so that
 * the guest's first process ends in a panic. So what it keeps is read and written as the first part of the whole: the
 * rest are the registers of AMX, which nothing in the guest uses.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef long (*Ptrace)(enum __ptrace_request, ...);

static long part_of_xstate(Ptrace next, enum __ptrace_request request, pid_t pid, void* address, struct iovec* part) {
  static char whole[32 * 1024];  /* UML runs one processor, on stacks that have no room for this */
  struct iovec all = {whole, sizeof(whole)};
  const long result = next(PTRACE_GETREGSET, pid, address, &all);
  if (result != 0) return result;
  if (part->iov_len > all.iov_len) part->iov_len = all.iov_len;
  if (request == PTRACE_GETREGSET) {
    memcpy(part->iov_base, whole, part->iov_len);
    return 0;
  }
  memcpy(whole, part->iov_base, part->iov_len);
  return next(PTRACE_SETREGSET, pid, address, &all);
}

long ptrace(enum __ptrace_request request, ...) {
  va_list rest;
  va_start(rest, request);
  const pid_t pid = va_arg(rest, pid_t);
  void* const address = va_arg(rest, void*);
  void* const data = va_arg(rest, void*);
  va_end(rest);
  Ptrace next;
  *(void**)&next = dlsym(RTLD_NEXT, "ptrace");
  const int is_xstate = address == (void*)NT_X86_XSTATE;
  if (is_xstate && (request == PTRACE_GETREGSET || request == PTRACE_SETREGSET)) {
    return part_of_xstate(next, request, pid, address, data);
  }
  return next(request, pid, address, data);
}
