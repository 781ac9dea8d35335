// A socket of netlink(7) that talks with the kernel alone.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace tun {

// Bytes from the kernel, or -1 with errno. What other processes send is passed over.
ssize_t ReceiveFromKernel(int fd, uint8_t* buffer, size_t size, int flags);

class NetlinkSocket {
 public:
  // NETLINK_ROUTE, ...
  explicit NetlinkSocket(int protocol);
  ~NetlinkSocket();
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;

  int fd() const { return fd_; }
  // Why there is no socket: an errno, or 0.
  int error() const { return error_; }

  // 0, or an errno.
  int Send(const void* data, size_t length);

  ssize_t Receive(uint8_t* buffer, size_t size, int flags) { return ReceiveFromKernel(fd_, buffer, size, flags); }

 private:
  int fd_;
  int error_;
};

}  // namespace tun
