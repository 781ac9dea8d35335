#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "tools.h"

namespace bench {

namespace {
volatile sig_atomic_t stopAsked = 0;
void OnSignal(int) { stopAsked = 1; }
int64_t Nanos(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * kNanosPerSecond + now.tv_nsec;
}
}  // namespace

int64_t MonotonicNanos() { return Nanos(CLOCK_MONOTONIC); }
int64_t RealtimeNanos() { return Nanos(CLOCK_REALTIME); }
bool MustStop() { return stopAsked != 0; }

void Die(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

int OpenTun(const std::string& device, short flags) {
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) Die("/dev/net/tun");
  ifreq request = {};
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | flags);
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) != 0) Die("TUN device " + device);
  return fd;
}

double Number(const Arguments& arguments, size_t index) {
  char* end = nullptr;
  const char* text = index < arguments.size() ? arguments[index].c_str() : "";
  const double value = std::strtod(text, &end);
  if (*text == '\0' || *end != '\0') {
    std::fprintf(stderr, "argument %zu must be a number, not '%s'\n", index + 1, text);
    std::exit(2);
  }
  return value;
}

int64_t Quantile(const std::vector<int64_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  const size_t index = static_cast<size_t>(share * static_cast<double>(sorted.size()));
  return sorted[index < sorted.size() ? index : sorted.size() - 1];
}

int Main(int argc, char** argv) {
  struct sigaction action = {};
  action.sa_handler = OnSignal;  // no SA_RESTART: a wait has to end
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  prctl(PR_SET_TIMERSLACK, 1UL);  // sleeps end when they should, not up to 50 us later
  prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(SIGTERM));
  const std::string tool = argc > 1 ? argv[1] : "";
  const Arguments arguments(argv + (argc > 1 ? 2 : argc), argv + argc);
  if (tool == "relay") return Relay(arguments);
  if (tool == "ping") return Ping(arguments);
  if (tool == "bare") return Bare(arguments);
  if (tool == "udp-send") return UdpSend(arguments);
  if (tool == "udp-receive") return UdpReceive(arguments);
  std::fprintf(stderr, "usage: tools relay|ping|bare|udp-send|udp-receive ...\n");
  return 2;
}

}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
