// The two seccomp filters of a worker: which system calls the kernel refuses it, whatever runs in it. The first is set by
// the program `sstpd-cage` before the worker starts, the second by the worker itself when it is ready. seccomp(2).
//
// Refused is answered with EPERM, as a missing right would be, and never with a signal: a library that tries something
// it can do without goes on. Shared by a program without a C library and by the addon, so it calls nothing.
#pragma once

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) || defined(__aarch64__)
#define SSTPD_HAS_CAGE 1
#endif

namespace cage {

// More than both filters take; the kernel takes 4096 (BPF_MAXINSNS).
constexpr unsigned kMostInstructions = 1024;

struct Filter {
  sock_filter code[kMostInstructions];
  uint16_t length;
};

// For the process that is to become the worker, and all that it ever starts.
void BuildFirst(Filter* filter, uint32_t own_pid);

// For a worker that has all it needs: no other program, no listener, and no file by its name unless `opens_files`.
void BuildSecond(Filter* filter, bool opens_files);

}  // namespace cage
