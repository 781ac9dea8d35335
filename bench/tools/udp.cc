// Paced UDP: `udp-send ADDRESS PORT PACKETS_PER_SECOND SECONDS PAYLOAD_BYTES` and `udp-receive PORT`.
//
// Every packet is sent by itself, without UDP_SEGMENT, as the programs of a tunnel's users do; only the system calls are
// shared. A burst is at most 200 us of the rate long, unless the sender had to wait for its core.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "tools.h"

namespace bench {

namespace {

constexpr size_t kBatch = 64;
constexpr size_t kLargestPayload = 1472;
constexpr int64_t kTick = 200000;
// Who was kept from sending for longer does not make up for it: that would be a burst and no pace.
constexpr int64_t kLongestDebt = 10000000;
constexpr int kBufferBytes = 64 << 20;

int UdpSocket() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) Die("UDP socket");
  // The limit on buffers does not hold for root; a test of a tunnel must not lose packets in its own sockets.
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
  return fd;
}

sockaddr_in AddressOf(const char* host, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) Die(host);
  return address;
}

// The messages of one system call; they all point to their own payload.
class Batch {
 public:
  explicit Batch(size_t payload) : bytes_(kBatch * payload), payload_(payload) {
    for (size_t i = 0; i < kBatch; i += 1) {
      parts_[i] = {bytes_.data() + i * payload, payload};
      messages_[i] = {};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  int Send(int fd, size_t count, uint64_t number) {
    for (size_t i = 0; i < count; i += 1) {
      const uint64_t own = number + i;
      std::memcpy(bytes_.data() + i * payload_, &own, sizeof own);
    }
    return sendmmsg(fd, messages_.data(), static_cast<unsigned>(count), 0);
  }

  int Receive(int fd) { return recvmmsg(fd, messages_.data(), kBatch, MSG_DONTWAIT, nullptr); }

  uint64_t NumberOf(size_t i) const {
    uint64_t number = 0;
    std::memcpy(&number, bytes_.data() + i * payload_, sizeof number);
    return number;
  }
  size_t LengthOf(size_t i) const { return messages_[i].msg_len; }

 private:
  std::vector<uint8_t> bytes_;
  const size_t payload_;
  std::array<iovec, kBatch> parts_ = {};
  std::array<mmsghdr, kBatch> messages_ = {};
};

}  // namespace

int UdpSend(const Arguments& arguments) {
  const double rate = Number(arguments, 2);
  const double seconds = Number(arguments, 3);
  const size_t payload = static_cast<size_t>(Number(arguments, 4));
  if (!(rate > 0) || payload < sizeof(uint64_t) || payload > kLargestPayload) {
    std::fprintf(stderr, "a positive rate and a payload of 8 to 1472 bytes are needed\n");
    return 2;
  }
  const int fd = UdpSocket();
  const sockaddr_in target = AddressOf(arguments[0].c_str(), static_cast<uint16_t>(Number(arguments, 1)));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) Die("connect");
  Batch batch(payload);
  const double nanosPerPacket = 1e9 / rate;
  const int64_t start = MonotonicNanos();
  const int64_t end = start + static_cast<int64_t>(seconds * 1e9);
  int64_t origin = start;  // moves when debt is forgiven
  uint64_t paced = 0;      // since origin
  uint64_t sent = 0;
  uint64_t refused = 0;
  for (int64_t now = start; now < end && !MustStop(); now = MonotonicNanos()) {
    const int64_t due = static_cast<int64_t>(static_cast<double>(now - origin) / nanosPerPacket) + 1;
    int64_t owed = due - static_cast<int64_t>(paced);
    if (static_cast<double>(owed) * nanosPerPacket > static_cast<double>(kLongestDebt)) {
      origin = now;
      paced = 0;
      owed = 1;
    }
    while (owed > 0) {
      const size_t count = static_cast<size_t>(std::min<int64_t>(owed, kBatch));
      const int taken = batch.Send(fd, count, sent);
      // ENOBUFS: the device's queue is full. The packet counts as sent, for a tunnel that is too slow has lost it.
      if (taken < 0) refused += 1;
      const int64_t done = taken < 0 ? 1 : taken;
      sent += static_cast<uint64_t>(done);
      paced += static_cast<uint64_t>(done);
      owed -= done;
    }
    const int64_t wake = std::max(now + kTick, origin + static_cast<int64_t>(static_cast<double>(paced) * nanosPerPacket));
    const timespec until = {static_cast<time_t>(wake / kNanosPerSecond), static_cast<long>(wake % kNanosPerSecond)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }
  const double took = static_cast<double>(MonotonicNanos() - start) / 1e9;
  std::printf("{\"sent\":%llu,\"refused\":%llu,\"seconds\":%.4f}\n", static_cast<unsigned long long>(sent),
              static_cast<unsigned long long>(refused), took);
  return 0;
}

int UdpReceive(const Arguments& arguments) {
  const int fd = UdpSocket();
  const sockaddr_in own = AddressOf("0.0.0.0", static_cast<uint16_t>(Number(arguments, 0)));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) Die("bind");
  Batch batch(kLargestPayload);
  uint64_t received = 0;
  uint64_t bytes = 0;
  uint64_t reordered = 0;
  uint64_t next = 0;
  std::printf("ready\n");
  std::fflush(stdout);
  while (!MustStop()) {
    const int count = batch.Receive(fd);
    if (count <= 0) {
      pollfd readable = {fd, POLLIN, 0};
      const timespec timeout = {1, 0};
      ppoll(&readable, 1, &timeout, nullptr);
      continue;
    }
    for (size_t i = 0; i < static_cast<size_t>(count); i += 1) {
      received += 1;
      bytes += batch.LengthOf(i);
      const uint64_t number = batch.NumberOf(i);
      if (number < next) reordered += 1;
      next = std::max(next, number + 1);
    }
  }
  std::printf("{\"received\":%llu,\"bytes\":%llu,\"reordered\":%llu}\n", static_cast<unsigned long long>(received),
              static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(reordered));
  return 0;
}

}  // namespace bench
