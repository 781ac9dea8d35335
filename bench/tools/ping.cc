// Round trips through a tunnel: `ping ADDRESS INTERVAL_US SECONDS [first|each]`.
//
// ICMP echo on a raw socket; the answer's time is the kernel's own, so a late wake-up of this program is no latency.
// An address that is not reachable yet is asked again at the next interval. With `first` it ends at the first answer; with `each` it tells every round trip, as
// milliseconds since 1970 when it was sent, and milliseconds that it took, -1 if no answer came.
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "tools.h"

namespace bench {

namespace {

constexpr size_t kPayload = 48;

struct Echo {
  icmphdr header;
  uint64_t number;
  uint8_t rest[kPayload - sizeof(uint64_t)];
};

// RFC 1071. `length` is even.
uint16_t Checksum(const void* bytes, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i < length; i += 2) {
    uint16_t word = 0;
    std::memcpy(&word, static_cast<const uint8_t*>(bytes) + i, 2);
    sum += word;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

class Prober {
 public:
  Prober(int fd, const sockaddr_in& target, uint16_t id) : fd_(fd), target_(target), id_(id) {}

  void Send() {
    Echo echo = {};
    echo.header.type = ICMP_ECHO;
    echo.header.un.echo.id = id_;
    echo.header.un.echo.sequence = htons(static_cast<uint16_t>(sentAt_.size()));
    echo.number = sentAt_.size();
    echo.header.checksum = Checksum(&echo, sizeof echo);
    const int64_t now = RealtimeNanos();
    const ssize_t sent =
        sendto(fd_, &echo, sizeof echo, 0, reinterpret_cast<const sockaddr*>(&target_), sizeof target_);
    if (sent < 0) {
      unreachable_ += 1;
      return;
    }
    sentAt_.push_back(now);
    rtt_.push_back(-1);
  }

  // Takes all answers that are there.
  void Receive() {
    for (;;) {
      uint8_t bytes[512];
      alignas(cmsghdr) uint8_t control[256];
      iovec part = {bytes, sizeof bytes};
      msghdr message = {};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      const ssize_t length = recvmsg(fd_, &message, MSG_DONTWAIT);
      if (length < 0) return;
      TakeAnswer(bytes, static_cast<size_t>(length), StampOf(&message));
    }
  }

  bool has_answer() const { return firstAnswer_ != 0; }

  void PrintEach() const {
    std::printf("{\"each\":[");
    for (size_t i = 0; i < sentAt_.size(); i += 1) {
      const double rtt = rtt_[i] < 0 ? -1 : static_cast<double>(rtt_[i]) / 1e6;
      std::printf("%s[%.1f,%.3f]", i == 0 ? "" : ",", static_cast<double>(sentAt_[i]) / 1e6, rtt);
    }
    std::printf("]}\n");
  }

  void Print() const {
    std::vector<int64_t> sorted;
    for (const int64_t rtt : rtt_) {
      if (rtt >= 0) sorted.push_back(rtt);
    }
    std::sort(sorted.begin(), sorted.end());
    const auto ms = [&sorted](double share) { return static_cast<double>(Quantile(sorted, share)) / 1e6; };
    std::printf(
        "{\"sent\":%zu,\"answered\":%zu,\"unreachable\":%zu,\"firstAnswerRealtimeMs\":%.3f,"
        "\"median\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f}\n",
        sentAt_.size(), sorted.size(), unreachable_, static_cast<double>(firstAnswer_) / 1e6, ms(0.5), ms(0.95),
        ms(0.99), ms(1));
  }

 private:
  void TakeAnswer(const uint8_t* bytes, size_t length, int64_t stamp) {
    const size_t header = length > 0 ? static_cast<size_t>(bytes[0] & 0x0f) * 4 : 0;
    Echo echo = {};
    if (header < sizeof(iphdr) || length < header + sizeof echo) return;
    std::memcpy(&echo, bytes + header, sizeof echo);
    if (echo.header.type != ICMP_ECHOREPLY || echo.header.un.echo.id != id_ || echo.number >= sentAt_.size()) return;
    if (rtt_[echo.number] >= 0) return;
    rtt_[echo.number] = std::max<int64_t>(0, stamp - sentAt_[echo.number]);
    if (firstAnswer_ == 0) firstAnswer_ = stamp;
  }

  static int64_t StampOf(msghdr* message) {
    for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
      timespec stamp = {};
      std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
      return static_cast<int64_t>(stamp.tv_sec) * kNanosPerSecond + stamp.tv_nsec;
    }
    return RealtimeNanos();
  }

  const int fd_;
  const sockaddr_in target_;
  const uint16_t id_;
  std::vector<int64_t> sentAt_;
  std::vector<int64_t> rtt_;
  size_t unreachable_ = 0;
  int64_t firstAnswer_ = 0;
};

}  // namespace

int Ping(const Arguments& arguments) {
  const int64_t interval = static_cast<int64_t>(Number(arguments, 1) * 1e3);
  const int64_t length = static_cast<int64_t>(Number(arguments, 2) * 1e9);
  const bool endsAtFirst = arguments.size() > 3 && arguments[3] == "first";
  sockaddr_in target = {};
  target.sin_family = AF_INET;
  if (inet_pton(AF_INET, arguments[0].c_str(), &target.sin_addr) != 1) Die("address " + arguments[0]);
  const int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  if (fd < 0) Die("raw socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  Prober prober(fd, target, static_cast<uint16_t>(getpid()));
  const int64_t end = MonotonicNanos() + length;
  std::printf("ready\n");
  std::fflush(stdout);
  int64_t next = MonotonicNanos();
  while (!MustStop() && MonotonicNanos() < end && !(endsAtFirst && prober.has_answer())) {
    const int64_t now = MonotonicNanos();
    if (now >= next) {
      prober.Send();
      next = std::max(next + interval, now);  // what was missed is not made up for in a burst
    }
    const int64_t wait = std::max<int64_t>(0, std::min(next, end) - MonotonicNanos());
    const timespec timeout = {static_cast<time_t>(wait / kNanosPerSecond), static_cast<long>(wait % kNanosPerSecond)};
    pollfd readable = {fd, POLLIN, 0};
    ppoll(&readable, 1, &timeout, nullptr);
    prober.Receive();
  }
  if (!endsAtFirst && !MustStop()) {
    const timespec grace = {1, 0};  // answers that are on their way
    clock_nanosleep(CLOCK_MONOTONIC, 0, &grace, nullptr);
    prober.Receive();
  }
  if (arguments.size() > 3 && arguments[3] == "each") prober.PrintEach();
  else prober.Print();
  return 0;
}

}  // namespace bench
