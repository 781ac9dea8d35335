// sstpd-cage: shuts itself in and becomes another program, all of whose threads are then shut in from the first one on.
//
//   sstpd-cage [--landlock N] [--seccomp] [--read PATH]... [--run PATH]... [--drop FD]... -- PROGRAM ARGUMENT...
//   sstpd-cage --probe [N]
//
//   --landlock N   confine it by Landlock as ABI N knows it: no file but below the paths that follow, no TCP connection
//                  or port, no signal to others; what N lacks is left out. N is 1 or more, and the kernel has it.
//   --read PATH    may be read, with all below it; what is not there is passed over
//   --run PATH     may also be executed
//   --seccomp      confine it by the filter of cage_filter.h
//   --drop FD      a descriptor that the program does not get
//   --probe N      tries both on itself, Landlock as ABI N (or less) knows it, and prints "landlock ABI ERRNO" and
//                  "seccomp ERRNO"
//
// Ends with 126 and one line if something asked for can't be done: nothing then runs.
//
// Without a C library, so that one build fits all of them and starts in no time; hence the system calls by hand.
// Linux Documentation/userspace-api/landlock.rst, seccomp_filter.rst.
#include "cage_filter.h"

#ifdef SSTPD_HAS_CAGE

#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

namespace {

constexpr long kEnoent = 2;
constexpr long kEacces = 13;
constexpr long kEnotdir = 20;
constexpr long kEinval = 22;
constexpr int kFailed = 126;

// <linux/landlock.h> of a build may be older than the kernel that it runs on, or not be there.
constexpr long kLandlockCreateRuleset = 444;
constexpr long kLandlockAddRule = 445;
constexpr long kLandlockRestrictSelf = 446;
constexpr long kVersion = 1;      // LANDLOCK_CREATE_RULESET_VERSION
constexpr long kPathBeneath = 1;  // LANDLOCK_RULE_PATH_BENEATH

constexpr uint64_t kExecute = 1 << 0;
constexpr uint64_t kReadFile = 1 << 2;
constexpr uint64_t kReadDir = 1 << 3;
constexpr uint64_t kAllOfAbi1 = (1 << 13) - 1;
constexpr uint64_t kRefer = 1 << 13;      // ABI 2
constexpr uint64_t kTruncate = 1 << 14;   // ABI 3
constexpr uint64_t kTcp = 3;              // ABI 4: bind and connect
constexpr uint64_t kIoctlDev = 1 << 15;   // ABI 5
constexpr uint64_t kScopes = 3;           // ABI 6: abstract unix sockets, signals

struct RulesetAttributes {
  uint64_t files;
  uint64_t net;     // ABI 4
  uint64_t scoped;  // ABI 6
};

struct __attribute__((packed)) PathBeneath {
  uint64_t allowed;
  int32_t parent;
};

// The kernel's answer: a result, or the error as a negative number.
long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
               : "rcx", "r11", "memory");
  return result;
#else
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
#endif
}

long Address(const void* pointer) { return reinterpret_cast<long>(pointer); }

[[noreturn]] void Exit(int status) {
  for (;;) Call(__NR_exit_group, status);
}

void Say(int fd, const char* text) {
  long length = 0;
  while (text[length] != '\0') length++;
  Call(__NR_write, fd, Address(text), length);
}

void SayNumber(int fd, long value) {
  char digits[24];
  char* first = digits + sizeof(digits) - 1;
  *first = '\0';
  do {
    *--first = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  Say(fd, first);
}

[[noreturn]] void Fail(const char* what, long error) {
  Say(2, "sstpd-cage: ");
  Say(2, what);
  if (error != 0) {
    Say(2, ": error ");
    SayNumber(2, error);
  }
  Say(2, "\n");
  Exit(kFailed);
}

bool IsSame(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) {
    a++;
    b++;
  }
  return *a == *b;
}

// -1 if it is no number of at most four digits.
int ReadNumber(const char* text) {
  int value = 0;
  const char* at = text;
  for (; *at >= '0' && *at <= '9' && at - text < 4; at++) value = value * 10 + (*at - '0');
  return at == text || *at != '\0' ? -1 : value;
}

// What the kernel has, or the error as a negative number.
long LandlockAbi() { return Call(kLandlockCreateRuleset, 0, 0, kVersion); }

long CreateRuleset(long abi) {
  RulesetAttributes attributes;
  attributes.files = kAllOfAbi1;
  if (abi >= 2) attributes.files |= kRefer;
  if (abi >= 3) attributes.files |= kTruncate;
  if (abi >= 5) attributes.files |= kIoctlDev;
  attributes.net = abi >= 4 ? kTcp : 0;
  attributes.scoped = abi >= 6 ? kScopes : 0;
  // A kernel takes no longer structure than it knows, unless the rest is zero.
  return Call(kLandlockCreateRuleset, Address(&attributes), sizeof(attributes), 0);
}

void Allow(int ruleset, const char* path, bool may_run) {
  const long fd = Call(__NR_openat, AT_FDCWD, Address(path), O_PATH | O_CLOEXEC);
  if (fd == -kEnoent || fd == -kEnotdir || fd == -kEacces) return;
  if (fd < 0) Fail(path, -fd);
  PathBeneath rule;
  rule.parent = static_cast<int32_t>(fd);
  rule.allowed = kReadFile | kReadDir | (may_run ? kExecute : 0);
  long result = Call(kLandlockAddRule, ruleset, kPathBeneath, Address(&rule), 0);
  if (result == -kEinval) {
    rule.allowed &= ~kReadDir;  // no folder
    result = Call(kLandlockAddRule, ruleset, kPathBeneath, Address(&rule), 0);
  }
  if (result < 0) Fail(path, -result);
  Call(__NR_close, fd);
}

long ForbidNewPrivileges() { return Call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0); }

long SetFilter() {
  static cage::Filter filter;
  cage::BuildFirst(&filter, static_cast<uint32_t>(Call(__NR_getpid)));
  sock_fprog program;
  program.len = filter.length;
  program.filter = filter.code;
  return Call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, Address(&program));
}

[[noreturn]] void Probe(int most) {
  const long alone = ForbidNewPrivileges();
  if (alone < 0) Fail("no_new_privs", -alone);
  long abi = LandlockAbi();
  long error = abi < 0 ? -abi : 0;
  if (abi > most) abi = most;
  if (abi > 0) {
    const long ruleset = CreateRuleset(abi);
    const long result = ruleset < 0 ? ruleset : Call(kLandlockRestrictSelf, ruleset, 0);
    if (result < 0) error = -result;
  }
  const long filtered = SetFilter();
  Say(1, "landlock ");
  SayNumber(1, abi < 0 || error != 0 ? 0 : abi);
  Say(1, " ");
  SayNumber(1, error);
  Say(1, "\nseccomp ");
  SayNumber(1, filtered < 0 ? -filtered : 0);
  Say(1, "\n");
  Exit(0);
}

// Landlock comes first: the filter leaves nothing open that setting it up would need less of. Both hold across exec.
[[noreturn]] void Run(int count, char** arguments, char** environment) {
  long ruleset = -1;
  bool filters = false;
  int at = 1;
  for (; at < count && !IsSame(arguments[at], "--"); at++) {
    const char* option = arguments[at];
    const char* value = at + 1 < count ? arguments[at + 1] : "";
    if (IsSame(option, "--seccomp")) {
      filters = true;
      continue;
    }
    at++;
    const int number = ReadNumber(value);
    if (IsSame(option, "--landlock") && number > 0) {
      ruleset = CreateRuleset(number);
      if (ruleset < 0) Fail("landlock_create_ruleset", -ruleset);
    } else if (IsSame(option, "--read") || IsSame(option, "--run")) {
      if (ruleset >= 0) Allow(static_cast<int>(ruleset), value, IsSame(option, "--run"));
    } else if (IsSame(option, "--drop") && number >= 0) {
      Call(__NR_fcntl, number, F_SETFD, FD_CLOEXEC);
    } else {
      Fail(option, 0);
    }
  }
  if (at + 1 >= count) Fail("no program", 0);
  const long alone = ForbidNewPrivileges();
  if (alone < 0) Fail("no_new_privs", -alone);
  if (ruleset >= 0) {
    const long result = Call(kLandlockRestrictSelf, ruleset, 0);
    if (result < 0) Fail("landlock_restrict_self", -result);
    Call(__NR_close, ruleset);
  }
  if (filters) {
    const long result = SetFilter();
    if (result < 0) Fail("seccomp", -result);
  }
  char** program = arguments + at + 1;
  const long result = Call(__NR_execve, Address(program[0]), Address(program), Address(environment));
  Fail(program[0], -result);
}

}  // namespace

// `stack` is as the kernel left it: the number of arguments, they, a null pointer, the environment.
extern "C" [[noreturn]] void CageMain(long* stack) {
  const int count = static_cast<int>(stack[0]);
  char** arguments = reinterpret_cast<char**>(stack + 1);
  char** environment = arguments + count + 1;
  if (count >= 2 && IsSame(arguments[1], "--probe")) {
    const int most = count >= 3 ? ReadNumber(arguments[2]) : 9999;
    if (most < 0) Fail("--probe", 0);
    Probe(most);
  }
  Run(count, arguments, environment);
}

// What the kernel enters: there is no C library whose start would be run first.
#if defined(__x86_64__)
asm(".globl _start\n"
    "_start:\n"
    "xor %ebp, %ebp\n"
    "mov %rsp, %rdi\n"
    "and $-16, %rsp\n"
    "call CageMain\n");
#else
asm(".globl _start\n"
    "_start:\n"
    "mov x29, #0\n"
    "mov x30, #0\n"
    "mov x0, sp\n"
    "bl CageMain\n");
#endif

// The compiler may make calls of these out of loops and assignments.
extern "C" void* memset(void* to, int value, size_t length) {
  volatile char* bytes = static_cast<volatile char*>(to);
  for (size_t i = 0; i < length; i++) bytes[i] = static_cast<char>(value);
  return to;
}

extern "C" void* memcpy(void* to, const void* from, size_t length) {
  volatile char* bytes = static_cast<volatile char*>(to);
  for (size_t i = 0; i < length; i++) bytes[i] = static_cast<const char*>(from)[i];
  return to;
}

#endif  // SSTPD_HAS_CAGE
