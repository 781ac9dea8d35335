#include "netlink_socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace tun {

ssize_t ReceiveFromKernel(int fd, uint8_t* buffer, size_t size, int flags) {
  for (;;) {
    sockaddr_nl from = {};
    socklen_t length_of_from = sizeof(from);
    const ssize_t length = recvfrom(fd, buffer, size, flags, reinterpret_cast<sockaddr*>(&from), &length_of_from);
    if (length == -1 && errno == EINTR) continue;
    if (length > 0 && from.nl_pid != 0) continue;
    return length;
  }
}

NetlinkSocket::NetlinkSocket(int protocol)
    : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)), error_(fd_ == -1 ? errno : 0) {}

NetlinkSocket::~NetlinkSocket() {
  if (fd_ != -1) close(fd_);
}

int NetlinkSocket::Send(const void* data, size_t length) {
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  const auto* to = reinterpret_cast<const sockaddr*>(&kernel);
  return sendto(fd_, data, length, 0, to, sizeof(kernel)) == -1 ? errno : 0;
}

}  // namespace tun
