#include "listen_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "arguments.h"
#include "inflight.h"

namespace tun {

namespace {

union Address {
  sockaddr any;
  sockaddr_in ipv4;
  sockaddr_in6 ipv6;
};

// With its interface if it is a link-local one: fe80::1%eth0.
bool ReadAddress(const std::string& host, int32_t port, Address* address, socklen_t* length) {
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  *length = std::min(found->ai_addrlen, static_cast<socklen_t>(sizeof(*address)));
  std::memcpy(address, found->ai_addr, *length);
  freeaddrinfo(found);
  address->ipv4.sin_port = htons(static_cast<uint16_t>(port));  // at the same place for both families
  return true;
}

bool SetFlag(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

// The name of the call that failed, with errno.
const char* Bind(int fd, Address* address, socklen_t* length, const std::string& congestion) {
  if (!SetFlag(fd, SOL_SOCKET, SO_REUSEADDR, 1)) return "setsockopt(SO_REUSEADDR)";
  if (!SetFlag(fd, SOL_SOCKET, SO_REUSEPORT, 1)) return "setsockopt(SO_REUSEPORT)";
  if (address->any.sa_family == AF_INET6 && !SetFlag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)) {
    return "setsockopt(IPV6_V6ONLY)";
  }
  if (!congestion.empty()) SetCongestionControl(fd, congestion);
  // That has loaded its module. What is accepted must not pace yet.
  if (Paces(congestion)) StopPacing(fd);
  if (bind(fd, &address->any, *length) == -1) return "bind";
  if (getsockname(fd, &address->any, length) == -1) return "getsockname";
  return nullptr;
}

// More would keep all other connections waiting.
constexpr uint32_t kMostAccepted = 4096;

// accept(2): errors of the connection itself, which came with it. The next one may be good.
bool IsOfConnection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

// What no caller may ask for: not a socket, or none that listens.
bool IsMistake(int error) {
  return error == EBADF || error == ENOTSOCK || error == EINVAL || error == EOPNOTSUPP || error == EFAULT;
}

}  // namespace

napi_value BindSocket(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  std::string host;
  std::string congestion;
  int32_t port = 0;
  if (!ReadArguments(env, info, 3, arguments) || !ReadText(env, arguments[0], &host) ||
      !ReadInt32(env, arguments[1], &port) || !ReadText(env, arguments[2], &congestion)) {
    return nullptr;
  }
  if (port > 65535) {
    ThrowArgument(env, "a port is at most 65535");
    return nullptr;
  }
  Address address = {};
  socklen_t length = 0;
  if (!ReadAddress(host, port, &address, &length)) {
    ThrowErrno(env, EINVAL, "getaddrinfo");
    return nullptr;
  }
  const int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) {
    ThrowErrno(env, errno, "socket");
    return nullptr;
  }
  const char* failed = Bind(fd, &address, &length, congestion);
  if (failed != nullptr) {
    const int error = errno;
    close(fd);
    ThrowErrno(env, error, failed);
    return nullptr;
  }
  napi_value result, value;
  if (napi_create_array_with_length(env, 2, &result) != napi_ok || napi_create_int32(env, fd, &value) != napi_ok ||
      napi_set_element(env, result, 0, value) != napi_ok ||
      napi_create_int32(env, ntohs(address.ipv4.sin_port), &value) != napi_ok ||
      napi_set_element(env, result, 1, value) != napi_ok) {
    close(fd);
    return nullptr;
  }
  return result;
}

napi_value AcceptWaiting(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t listener = 0;
  uint32_t most = 0;
  if (!ReadArguments(env, info, 2, arguments) || !ReadInt32(env, arguments[0], &listener) ||
      !ReadUint32(env, arguments[1], &most)) {
    return nullptr;
  }
  if (listener < 0 || most > kMostAccepted) {
    ThrowArgument(env, listener < 0 ? "a descriptor is not negative" : "at most 4096 connections at once");
    return nullptr;
  }
  // So it is already; one that waited would hold all up. glibc has another name for fcntl, which musl lacks.
  int on = 1;
  if (ioctl(listener, FIONBIO, &on) == -1) {
    ThrowErrno(env, errno, "ioctl(FIONBIO)");
    return nullptr;
  }
  napi_value result, value;
  if (napi_create_array(env, &result) != napi_ok) return nullptr;
  uint32_t count = 0;
  for (uint32_t tries = 0; tries < most; tries += 1) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd == -1) {
      if (IsOfConnection(errno)) continue;
      if (count > 0 || !IsMistake(errno)) break;
      ThrowErrno(env, errno, "accept");
      return nullptr;
    }
    if (napi_create_int32(env, fd, &value) != napi_ok || napi_set_element(env, result, count, value) != napi_ok) {
      close(fd);
      break;
    }
    count += 1;
  }
  return result;
}

}  // namespace tun
