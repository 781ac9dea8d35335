// A tunnel that does nothing: `bare listen|connect ADDRESS PORT DEVICE`, for one client.
//
// It makes a TUN device and carries its packets over one TCP connection as the kernel has merged them, each behind its
// length: no encryption, no segments of the client's size, no checks, no queue of its own, and as many packets as there
// are with one call. What this takes, the kernel takes from every tunnel in user space; a VPN adds its own to it.
#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools.h"

namespace bench {

namespace {

constexpr size_t kPrefix = sizeof(uint32_t);
// A virtio_net_hdr, whose header file is not C++, and the longest packet.
constexpr size_t kMostPacket = 10 + 65535;
// Like sstpd at full speed: then what has been read is sent.
constexpr size_t kEnough = 131072;
constexpr size_t kRoom = 524288;

int OpenDevice(const std::string& name) {
  const int fd = OpenTun(name, IFF_VNET_HDR);
  if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0) Die("TUN offload");
  return fd;
}

int Connect(bool listens, const std::string& address, uint16_t port) {
  sockaddr_in place = {};
  place.sin_family = AF_INET;
  place.sin_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &place.sin_addr) != 1) Die("address " + address);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  const auto* where = reinterpret_cast<const sockaddr*>(&place);
  if (listens) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, where, sizeof place) != 0 || listen(fd, 1) != 0) Die("listen");
  } else if (connect(fd, where, sizeof place) != 0) {
    Die("connect");
  }
  std::puts("ready");
  std::fflush(stdout);
  const int peer = listens ? accept4(fd, nullptr, nullptr, SOCK_CLOEXEC) : fd;
  if (peer < 0) Die("accept");
  setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return peer;
}

class Tunnel {
 public:
  Tunnel(int device, int peer) : device_(device), peer_(peer), out_(kEnough + kPrefix + kMostPacket), in_(kRoom) {}

  // Until the peer is gone or the tool must stop.
  void Run() {
    while (!MustStop()) {
      const bool waits = sent_ < filled_;
      pollfd both[] = {{peer_, static_cast<short>(POLLIN | (waits ? POLLOUT : 0)), 0},
                       {device_, static_cast<short>(waits ? 0 : POLLIN), 0}};
      if (poll(both, 2, -1) < 0) continue;
      if ((both[0].revents & ~POLLOUT) != 0 && !Receive()) return;
      if (!waits && both[1].revents != 0) Fill();
      if (sent_ < filled_) Send();
    }
  }

 private:
  void Fill() {
    sent_ = filled_ = 0;
    while (filled_ < kEnough) {
      const ssize_t length = read(device_, out_.data() + filled_ + kPrefix, kMostPacket);
      if (length <= 0) return;
      const auto prefix = static_cast<uint32_t>(length);
      std::memcpy(out_.data() + filled_, &prefix, kPrefix);
      filled_ += kPrefix + static_cast<size_t>(length);
    }
  }

  void Send() {
    while (sent_ < filled_) {
      const ssize_t length = send(peer_, out_.data() + sent_, filled_ - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (length < 0) return;
      sent_ += static_cast<size_t>(length);
    }
  }

  bool Receive() {
    const ssize_t length = recv(peer_, in_.data() + received_, in_.size() - received_, MSG_DONTWAIT);
    if (length <= 0) return length < 0 && (errno == EAGAIN || errno == EINTR);
    received_ += static_cast<size_t>(length);
    size_t start = 0;
    while (received_ - start >= kPrefix) {
      uint32_t packet = 0;
      std::memcpy(&packet, in_.data() + start, kPrefix);
      if (packet > kMostPacket || received_ - start < kPrefix + packet) break;
      // A device that is not up yet loses it.
      static_cast<void>(write(device_, in_.data() + start + kPrefix, packet));
      start += kPrefix + packet;
    }
    std::memmove(in_.data(), in_.data() + start, received_ - start);
    received_ -= start;
    return true;
  }

  const int device_;
  const int peer_;
  std::vector<uint8_t> out_;
  std::vector<uint8_t> in_;
  size_t filled_ = 0;  // of out_
  size_t sent_ = 0;
  size_t received_ = 0;  // of in_
};

}  // namespace

int Bare(const Arguments& arguments) {
  const bool listens = !arguments.empty() && arguments[0] == "listen";
  if (arguments.size() != 4 || (!listens && arguments[0] != "connect")) {
    std::fprintf(stderr, "usage: bare listen|connect ADDRESS PORT DEVICE\n");
    return 2;
  }
  const int device = OpenDevice(arguments[3]);
  const int peer = Connect(listens, arguments[1], static_cast<uint16_t>(Number(arguments, 2)));
  Tunnel(device, peer).Run();
  return 0;
}

}  // namespace bench
